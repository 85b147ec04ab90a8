/**
 * An accountant's configuration.
 *
 * @module
 */

import { join, resolve } from 'node:path'
import { keepConfig } from './kept-config.ts'

export interface AccountantStart {
  readonly network?: string
  /** Absent: the only one of the network's profile. */
  readonly accountant?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly host?: string
  readonly port?: number
}

/** @returns the path of the configuration. @throws Fault `config-kept`. */
export function prepareAccountant(dataDir: string, start: AccountantStart): Promise<string> {
  const { network = '', keystore = '', passphraseFile = '', accountant, host, port } = start
  const needed = { network: '--network', keystore: '--keystore', passphraseFile: '--passphrase-file' }
  return keepConfig(join(dataDir, 'accountant.json'), { ...start }, needed, () => ({
    profile: resolve(network),
    keyFile: resolve(keystore),
    passphraseFile: resolve(passphraseFile),
    dataDir,
    ...(accountant === undefined ? {} : { accountant }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  }))
}
