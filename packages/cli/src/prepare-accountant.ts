/**
 * An accountant's configuration, and its signer's.
 *
 * @module
 */

import { join, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { keepConfig } from './kept-config.ts'

export interface AccountantStart {
  readonly network?: string
  /** Absent: the only one of the network's profile. */
  readonly accountant?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  /** The socket of a signer, in place of the two before. */
  readonly signer?: string
  readonly host?: string
  readonly port?: number
}

/** @returns the path of the configuration. @throws Fault `config-kept`. */
export function prepareAccountant(dataDir: string, start: AccountantStart): Promise<string> {
  const { network = '', keystore = '', passphraseFile = '', signer, accountant, host, port } = start
  const keyOptions = { keystore: '--keystore', passphraseFile: '--passphrase-file' }
  const given = Object.keys(keyOptions).find((name) => start[name as keyof AccountantStart] !== undefined)
  if (signer !== undefined && given !== undefined) {
    throw new InvalidArgumentError(
      'The key is in a keystore file or with a signer: name --keystore or --signer, not both.',
    )
  }
  const needed = { network: '--network', ...(signer === undefined ? keyOptions : {}) }
  return keepConfig(join(dataDir, 'accountant.json'), { ...start }, needed, () => ({
    profile: resolve(network),
    ...(signer === undefined
      ? { keyFile: resolve(keystore), passphraseFile: resolve(passphraseFile) }
      : { signer: { socket: resolve(signer) } }),
    dataDir,
    ...(accountant === undefined ? {} : { accountant }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  }))
}

export interface SignerStart {
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly socket?: string
  readonly forGroup?: 'yes'
}

/** @returns the path of the configuration. @throws Fault `config-kept`. */
export function prepareSigner(dataDir: string, start: SignerStart): Promise<string> {
  const { keystore = '', passphraseFile = '', socket = '', forGroup } = start
  const needed = { keystore: '--keystore', passphraseFile: '--passphrase-file', socket: '--socket' }
  return keepConfig(join(dataDir, 'signer.json'), { ...start }, needed, () => ({
    keyFile: resolve(keystore),
    passphraseFile: resolve(passphraseFile),
    socket: resolve(socket),
    ...(forGroup === undefined ? {} : { forGroup: true }),
  }))
}
