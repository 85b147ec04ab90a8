/**
 * The operator's key, wherever it is: in this process, or with a signer.
 *
 * @module
 */

import { type Config, configOf, readKey } from '@myst/program'
import { type Address, type Crypto, Fault } from '@myst/protocol'
import type { SignHashes } from './sign-decisions.ts'
import { connectSigner } from './signer/remote-signer.ts'

export interface OperatorKey {
  readonly address: Address
  /** @throws Fault `signer-unreachable`, `signer-wrong`. */
  readonly sign: SignHashes
  /** The key itself, where it is here: threads of our own sign with it. */
  readonly secret?: Uint8Array
  /** Its last signature could not be had. */
  readonly isAway: boolean
  close(): void
}

export const keyHere = (crypto: Crypto, secret: Uint8Array): OperatorKey => ({
  address: crypto.addressOf(secret),
  sign: async (hashes) => hashes.map((hash) => crypto.sign(hash, secret)),
  secret,
  isAway: false,
  close() {},
})

/**
 * `{"keyFile", "passphraseFile"}`, or `{"signer": {"socket"}}`; with `next`, `{"nextKeyFile", …}` or `{"nextSigner"}`.
 *
 * @returns undefined where neither is there.
 * @throws Fault `config-invalid`, those of the keystore and of the signer.
 */
export async function readOperatorKey(
  crypto: Crypto,
  config: Config,
  log: (line: string) => void,
  which: 'operator' | 'next' = 'operator',
): Promise<OperatorKey | undefined> {
  const isNext = which === 'next'
  const names = isNext
    ? { keyFile: 'nextKeyFile', passphraseFile: 'nextPassphraseFile', signer: 'nextSigner' }
    : { keyFile: 'keyFile', passphraseFile: 'passphraseFile', signer: 'signer' }
  const keyFile = config.optionalText(names.keyFile)
  const signer = config.value(names.signer)
  if (signer === undefined) {
    if (keyFile === undefined) return undefined
    return keyHere(crypto, await readKey(crypto, keyFile, config.text(names.passphraseFile)))
  }
  const invalid = (wanted: string) => new Fault('config-invalid', { name: names.signer, wanted })
  if (keyFile !== undefined) throw invalid(`${names.keyFile} or a signer, not both`)
  if (typeof signer !== 'object' || signer === null) throw invalid('{"socket": path}')
  return connectSigner(crypto, { socketPath: configOf(signer as Record<string, unknown>).text('socket'), log })
}

/** @throws Fault `config-invalid` where the configuration names no key. */
export async function needOperatorKey(
  crypto: Crypto,
  config: Config,
  log: (line: string) => void = () => {},
): Promise<OperatorKey> {
  const key = await readOperatorKey(crypto, config, log)
  if (key !== undefined) return key
  throw new Fault('config-invalid', { name: 'keyFile', wanted: 'the keystore of the operator, or a signer' })
}
