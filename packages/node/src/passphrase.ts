/**
 * The passphrase of a node's identity: from a file, from the environment, or made at first start.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '@myst/protocol'

export interface PassphraseSource {
  readonly dataDir: string
  readonly passphraseFile?: string
  /** From `MYST_PASSPHRASE`. */
  readonly fromEnvironment?: string
  /** Whether one may be made: where there is no identity yet. */
  readonly mayMake: boolean
  readonly log: (line: string) => void
}

/** Nobody types more, and scrypt would take any length. */
const maxPassphraseBytes = 4096

/** @throws Fault `passphrase-missing`, `passphrase-invalid`, `config-unreadable`. */
export async function findPassphrase(source: PassphraseSource): Promise<string> {
  const { dataDir, passphraseFile, fromEnvironment, mayMake, log } = source
  if (passphraseFile !== undefined) return readPassphrase(passphraseFile)
  if (fromEnvironment !== undefined) return checkPassphrase(fromEnvironment)
  const own = join(dataDir, 'passphrase')
  if (await exists(own)) return readPassphrase(own)
  if (!mayMake) throw new Fault('passphrase-missing', { dataDir })
  const passphrase = randomBytes(24).toString('base64url')
  const file = await open(own, 'wx', 0o600)
  try {
    await file.writeFile(`${passphrase}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  log(`no passphrase was given: a random one is in ${own}. Keep a copy with your backup; whoever reads it can spend.`)
  return passphrase
}

async function readPassphrase(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new Fault('config-unreadable', { path, why: cause.code }, { cause })
  })
  return checkPassphrase(text.replace(/\r?\n$/, ''))
}

export function checkPassphrase(text: string): string {
  const why = [
    text === '' && 'it is empty',
    Buffer.byteLength(text) > maxPassphraseBytes && `it has more than ${maxPassphraseBytes} bytes`,
    /[\0\r\n]/.test(text) && 'it has more than one line, or a zero byte',
  ].find((problem) => problem !== false)
  if (why !== undefined) throw new Fault('passphrase-invalid', { why })
  return text
}

const exists = (path: string): Promise<boolean> =>
  open(path, 'r').then(
    async (file) => {
      await file.close()
      return true
    },
    () => false,
  )
