/**
 * The passphrase of a key that pays for contracts.
 *
 * @module
 */

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { askSecret } from './ask-secret.ts'
import type { Context } from './context.ts'

export interface PayingKey {
  /** Absent: the identity of the data directory. */
  readonly keystore?: string
  readonly passphraseFile?: string
}

/** From a file, the environment, the data directory or a person. */
export async function secretsOf({ shell, dataDir }: Context, { keystore, passphraseFile }: PayingKey) {
  if (passphraseFile !== undefined) return { passphraseFile }
  const passphrase = shell.env.MYST_PASSPHRASE
  if (passphrase !== undefined) return { passphrase }
  if (keystore === undefined && (await exists(join(dataDir, 'passphrase')))) return {}
  return { passphrase: await askSecret(shell, `Passphrase of ${keystore ?? dataDir}`) }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
