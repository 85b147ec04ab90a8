/**
 * Identities on disk, for the command line: one question as JSON on stdin, one answer as JSON on stdout. Passphrases come
 * that way too, and never on a command line, where every user of the machine reads them.
 *
 * @module
 */

// First: it refuses an old Node before anything native is loaded.
import '@myst/program'
import { mkdir } from 'node:fs/promises'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { exitCodeOf } from '@myst/api'
import { Fault, isAddress } from '@myst/protocol'
import { type Static, Type } from 'typebox'
import { Parse } from 'typebox/value'
import { toJson } from './api-json.ts'

const secrets = {
  passphraseFile: Type.Optional(Type.String()),
  passphrase: Type.Optional(Type.String()),
}
const questionSchema = Type.Union([
  Type.Object({ ask: Type.Literal('list'), dataDir: Type.String() }),
  Type.Object({ ask: Type.Literal('create'), dataDir: Type.String(), ...secrets }),
  Type.Object({
    ask: Type.Literal('import'),
    dataDir: Type.String(),
    ...secrets,
    keystore: Type.String(),
    keystorePassphrase: Type.String(),
  }),
  Type.Object({ ask: Type.Literal('export'), dataDir: Type.String(), identity: Type.Optional(Type.String()) }),
])
type Question = Static<typeof questionSchema>

async function answer(question: Question): Promise<object> {
  const identities = await import('./identity.ts')
  const { dataDir } = question
  if (question.ask === 'list') {
    const [current, all] = await Promise.all([identities.currentIdentity(dataDir), identities.listIdentities(dataDir)])
    return { ...(current === undefined ? {} : { current }), identities: all }
  }
  if (question.ask === 'export') {
    const identity = question.identity ?? (await identities.currentIdentity(dataDir))
    if (!isAddress(identity)) throw new Fault('identity-missing', { dataDir })
    return { identity, keystore: JSON.parse(await identities.exportIdentity(dataDir, identity)) }
  }

  const { loadNativeCrypto } = await import('@myst/crypto-native')
  const { findPassphrase } = await import('./passphrase.ts')
  const crypto = await loadNativeCrypto()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const notes: string[] = []
  const { passphraseFile, passphrase: fromEnvironment } = question
  const passphrase = await findPassphrase({
    dataDir,
    mayMake: (await identities.listIdentities(dataDir)).length === 0,
    log: (line) => notes.push(line),
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(fromEnvironment === undefined ? {} : { fromEnvironment }),
  })
  if (question.ask === 'create') {
    return { identity: await identities.createIdentity(crypto, dataDir, passphrase), notes }
  }
  const { decryptKey } = await import('@myst/store')
  const key = await decryptKey(crypto, question.keystore, question.keystorePassphrase)
  if (!key.ok) throw new Fault(key.refusal.code, { ...key.refusal })
  const identity = crypto.addressOf(key.value)
  if ((await identities.listIdentities(dataDir)).includes(identity)) throw new Fault('identity-exists', { identity })
  return { identity: await identities.importIdentity(crypto, dataDir, key.value, passphrase), notes }
}

process.umask(0o077)
try {
  const question = Parse(questionSchema, JSON.parse(await text(process.stdin)))
  process.stdout.write(`${JSON.stringify(await answer(question))}\n`)
} catch (error) {
  if (!(error instanceof Fault)) throw error
  const { code, facts } = error
  process.stdout.write(`${JSON.stringify({ error: { code, facts: toJson(facts) } })}\n`)
  process.exitCode = exitCodeOf(error)
}
