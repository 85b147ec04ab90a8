/**
 * The key that pays for a deployment: a keystore file, or the identity of a data directory.
 *
 * @module
 */

import { type Address, type Crypto, Fault } from '@myst/protocol'
import { decryptKey, keystoreAddress, readKeyFile } from '@myst/store'
import { currentIdentity, unlockIdentity } from '../identity.ts'
import { findPassphrase } from '../passphrase.ts'

export interface KeyPlace {
  readonly dataDir: string
  readonly keystore?: string
}

export interface Secrets {
  readonly passphraseFile?: string
  readonly passphrase?: string
}

/** What the file says; a plan needs no more. @throws Fault `identity-missing`, `keystore-unreadable`, `keystore-malformed`. */
export async function deployerAddress({ dataDir, keystore }: KeyPlace): Promise<Address> {
  if (keystore === undefined) {
    const identity = await currentIdentity(dataDir)
    if (identity === undefined) throw new Fault('identity-missing', { dataDir })
    return identity
  }
  const address = keystoreAddress(await readKeyFile(keystore))
  if (!address.ok) throw new Fault(address.refusal.code, { ...address.refusal })
  return address.value
}

/** @throws Fault `passphrase-missing`, `keystore-wrong-passphrase`, `identity-locked`, those of `deployerAddress`. */
export async function unlockDeployer(
  crypto: Crypto,
  { dataDir, keystore }: KeyPlace,
  { passphraseFile, passphrase }: Secrets,
): Promise<Uint8Array> {
  const named = passphraseFile !== undefined || passphrase !== undefined
  // The data directory's own passphrase opens its own keys.
  if (keystore !== undefined && !named) throw new Fault('passphrase-missing', { dataDir: keystore })
  const secret = await findPassphrase({
    dataDir,
    mayMake: false,
    log: () => {},
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(passphrase === undefined ? {} : { fromEnvironment: passphrase }),
  })
  if (keystore === undefined) return (await unlockIdentity(crypto, dataDir, secret)).privateKey
  const key = await decryptKey(crypto, await readKeyFile(keystore), secret)
  if (!key.ok) throw new Fault(key.refusal.code, { ...key.refusal })
  if (crypto.addressOf(key.value) !== (await deployerAddress({ dataDir, keystore }))) {
    throw new Fault('keystore-malformed', { why: 'the key inside is not the one it names' })
  }
  return key.value
}
