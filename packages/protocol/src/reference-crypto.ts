/**
 * Crypto port on noble: the reference, also for browsers. About 1,000 recoveries a second and core; `crypto-native` has a dozen times as many.
 *
 * @module
 */

import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, toHex } from './bytes.ts'
import { type Crypto, isCanonicalSignature } from './crypto.ts'

export const referenceCrypto: Crypto = {
  keccak256: (bytes) => keccak_256(bytes),

  sign(hash, privateKey) {
    if (hash.length !== 32) throw new RangeError('a hash has 32 bytes')
    const signature = secp256k1.sign(hash, privateKey, { prehash: false, lowS: true, format: 'recovered' })
    // noble's recovered format is recovery ‖ r ‖ s.
    return Uint8Array.of(...signature.subarray(1), 27 + (signature[0] as number))
  },

  recover(hash, signature) {
    if (hash.length !== 32 || !isCanonicalSignature(signature)) return undefined
    try {
      const recovered = Uint8Array.of((signature[64] as number) - 27, ...signature.subarray(0, 64))
      return addressOfPublicKey(secp256k1.recoverPublicKey(recovered, hash, { prehash: false }))
    } catch {
      return undefined // r is no point on the curve
    }
  },

  addressOf(privateKey) {
    if (!secp256k1.utils.isValidSecretKey(privateKey)) throw new RangeError('not a private key')
    return addressOfPublicKey(secp256k1.getPublicKey(privateKey))
  },
}

function addressOfPublicKey(compressed: Uint8Array): Address {
  const point = secp256k1.Point.fromBytes(compressed).toBytes(false)
  return toHex(keccak_256(point.subarray(1)).subarray(12))
}
