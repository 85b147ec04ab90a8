/**
 * What derives from a node's one private key.
 *
 * @module
 */

import { type Address, type Crypto, preimageSecret, transportSeed } from '@myst/protocol'

export interface NodeKeys {
  readonly identity: Address
  readonly privateKey: Uint8Array
  readonly preimageSecret: Uint8Array
  /** Of the Ed25519 transport key. */
  readonly transportSeed: Uint8Array
}

export function deriveKeys(crypto: Crypto, privateKey: Uint8Array): NodeKeys {
  return {
    identity: crypto.addressOf(privateKey),
    privateKey,
    preimageSecret: preimageSecret(privateKey),
    transportSeed: transportSeed(privateKey),
  }
}
