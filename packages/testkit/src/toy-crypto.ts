/**
 * A Crypto port for simulations: a signature says who signed which hash, and costs next to nothing.
 *
 * It refuses what the real ones refuse (another hash, a changed byte) and protects nobody.
 *
 * @module
 */

import { type Crypto, concatBytes, equalBytes, fromHex, referenceCrypto, toHex } from '@myst/protocol'

/** Addresses by key: deriving one takes longer than everything else here. */
const addresses = new Map<string, Uint8Array>()

function addressBytes(privateKey: Uint8Array): Uint8Array {
  const name = toHex(privateKey)
  const known = addresses.get(name) ?? fromHex(referenceCrypto.addressOf(privateKey))
  addresses.set(name, known)
  return known
}

const filler = new Uint8Array(65 - 32 - 20)

export const toyCrypto: Crypto = {
  keccak256: referenceCrypto.keccak256,
  sign: (hash, privateKey) => concatBytes(hash, addressBytes(privateKey), filler),
  recover(hash, signature) {
    const whole = signature.length === 65 && equalBytes(signature.subarray(0, 32), hash)
    return whole && equalBytes(signature.subarray(52), filler) ? toHex(signature.subarray(32, 52)) : undefined
  },
  addressOf: (privateKey) => toHex(addressBytes(privateKey)),
}
