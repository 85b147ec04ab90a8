/**
 * A transactor's configuration.
 *
 * @module
 */

import { join, resolve } from 'node:path'
import { keepConfig } from './kept-config.ts'

export interface TransactorStart {
  readonly network?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  /** Base units for one unit of the chain's coin. */
  readonly mystPerNative?: string
  readonly host?: string
  readonly port?: number
}

/** @returns the path of the configuration. @throws Fault `config-kept`. */
export function prepareTransactor(dataDir: string, start: TransactorStart): Promise<string> {
  const { network = '', keystore = '', passphraseFile = '', mystPerNative, host, port } = start
  const needed = {
    network: '--network',
    keystore: '--keystore',
    passphraseFile: '--passphrase-file',
    mystPerNative: '--myst-per-native',
  }
  return keepConfig(join(dataDir, 'transactor.json'), { ...start }, needed, () => ({
    profile: resolve(network),
    keyFile: resolve(keystore),
    passphraseFile: resolve(passphraseFile),
    mystPerNative,
    dataDir,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  }))
}
