/**
 * `myst identity`: the keys of a data directory, encrypted with a passphrase. Works without a running node.
 *
 * @module
 */

import { open, readFile } from 'node:fs/promises'
import { type Address, Fault } from '@myst/api'
import { readIdentity } from '../arguments.ts'
import { askSecret } from '../ask-secret.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { askIdentities } from '../identity-program.ts'

interface SecretOptions {
  readonly passphraseFile?: string
  readonly askPassphrase?: boolean
}

const show: Action<[object]> = async (context) => {
  const { current } = await askIdentities({ ask: 'list', dataDir: context.dataDir })
  if (current === undefined) throw new Fault('identity-missing', { dataDir: context.dataDir })
  return { json: { identity: current }, text: current }
}

const list: Action<[object]> = async ({ dataDir, paint }) => {
  const answer = await askIdentities({ ask: 'list', dataDir })
  const lines = answer.identities.map((identity) =>
    identity === answer.current ? `${paint('bold', identity)} in use` : identity,
  )
  return { json: answer, text: lines.length === 0 ? 'There is none. Make one: myst identity create' : lines.join('\n') }
}

const create: Action<[SecretOptions]> = async (context, options) => {
  const { dataDir } = context
  const secrets = await passphraseOf(context, options)
  return made(context, await context.progress('Encrypting', askIdentities({ ask: 'create', dataDir, ...secrets })))
}

interface ImportOptions extends SecretOptions {
  readonly keystorePassphraseFile?: string
}

const importKey: Action<[string, ImportOptions]> = async (context, file, options) => {
  const { dataDir, shell } = context
  const keystore = await readText(file)
  const { keystorePassphraseFile } = options
  const keystorePassphrase =
    keystorePassphraseFile === undefined
      ? await askSecret(shell, `Passphrase of ${file}`)
      : (await readText(keystorePassphraseFile)).replace(/\r?\n$/, '')
  const secrets = await passphraseOf(context, options)
  const importing = askIdentities({ ask: 'import', dataDir, keystore, keystorePassphrase, ...secrets })
  return made(context, await context.progress('Decrypting and encrypting', importing))
}

interface ExportOptions {
  readonly out?: string
}

const exportKey: Action<[Address | undefined, ExportOptions]> = async ({ dataDir }, wanted, { out }) => {
  const { identity, keystore } = await askIdentities({
    ask: 'export',
    dataDir,
    ...(wanted === undefined ? {} : { identity: wanted }),
  })
  const text = JSON.stringify(keystore, undefined, 2)
  if (out === undefined) return { json: { identity, keystore }, text }
  await writeNew(out, `${text}\n`)
  return { json: { identity, out }, text: `${identity} is in ${out}, encrypted with the same passphrase.` }
}

function made({ shell, paint }: Context, { identity, notes }: { identity: Address; notes: readonly string[] }) {
  for (const note of notes) shell.stderr.write(`${paint('yellow', 'Note:')} ${note}\n`)
  const text = `${paint('bold', identity)} is here, and in use from the node's next start.`
  return { json: { identity }, text }
}

/** From a file, the environment or a person; otherwise the data directory's own serves, or one is made. */
async function passphraseOf({ shell }: Context, { passphraseFile, askPassphrase }: SecretOptions) {
  if (passphraseFile !== undefined) return { passphraseFile }
  if (askPassphrase === true) {
    const passphrase = await askSecret(shell, 'Passphrase')
    if ((await askSecret(shell, 'Once more')) !== passphrase) {
      throw new Fault('passphrase-invalid', { why: 'the two were not the same' })
    }
    return { passphrase }
  }
  const passphrase = shell.env.MYST_PASSPHRASE
  return passphrase === undefined ? {} : { passphrase }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new Fault('config-unreadable', { path, why: (cause as NodeJS.ErrnoException).code }, { cause })
  }
}

/** Never over a file that is there. @throws Fault `file-exists`. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw new Fault(cause.code === 'EEXIST' ? 'file-exists' : 'config-unreadable', { path, why: cause.code }, { cause })
  })
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

export const registerIdentity: Register = (program, bind) => {
  const group = program
    .command('identity')
    .summary('the keys of this data directory')
    .description('Shows, makes, imports and exports the keys of this data directory. It needs no running node.')
  group.command('show', { isDefault: true }).description('Shows the identity in use.').action(bind(show))
  group.command('list').description('Lists all identities.').action(bind(list))
  const withSecrets = (command: typeof group) =>
    command
      .option('--passphrase-file <file>', 'the passphrase to encrypt the key with')
      .option('--ask-passphrase', 'ask for it')
  withSecrets(group.command('create').description('Makes a new identity.')).action(bind(create))
  withSecrets(
    group
      .command('import')
      .description('Takes in a key from a keystore file, version 3, as geth and other wallets write it.')
      .argument('<file>', 'the keystore file'),
  )
    .option('--keystore-passphrase-file <file>', 'its passphrase; asked for where left out')
    .action(bind(importKey))
  group
    .command('export')
    .description('Gives the encrypted keystore file; any wallet that reads version 3 can open it with its passphrase.')
    .argument('[identity]', 'the one in use where left out', readIdentity)
    .option('--out <file>', 'write it there')
    .action(bind(exportKey))
  withExample(group, 'myst identity list', 'myst identity create', 'myst identity export --out backup.json')
}
