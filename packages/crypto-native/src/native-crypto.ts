/**
 * Crypto port on libsecp256k1 and a WebAssembly keccak.
 *
 * @module
 */

import { type Address, type Crypto, isCanonicalSignature, toHex } from '@myst/protocol'
import { createKeccak } from 'hash-wasm'
// The native bindings by name: they load or fail loudly, where the package's door would fall back to slow JavaScript.
import secp256k1 from 'secp256k1/bindings.js'

/** Resolves once the WebAssembly module is compiled. @throws where the native bindings don't load. */
export async function loadNativeCrypto(): Promise<Crypto> {
  const hasher = await createKeccak(256)
  const keccak256 = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest('binary')
  const addressOfPublicKey = (uncompressed: Uint8Array): Address =>
    toHex(keccak256(uncompressed.subarray(1)).subarray(12))

  return {
    keccak256,

    sign(hash, privateKey) {
      const { signature, recid } = secp256k1.ecdsaSign(hash, privateKey)
      const signed = new Uint8Array(65)
      signed.set(signature)
      signed[64] = 27 + recid
      return signed
    },

    recover(hash, signature) {
      if (hash.length !== 32 || !isCanonicalSignature(signature)) return undefined
      try {
        const recovery = (signature[64] as number) - 27
        return addressOfPublicKey(secp256k1.ecdsaRecover(signature.subarray(0, 64), recovery, hash, false))
      } catch {
        return undefined // r is no point on the curve
      }
    },

    addressOf(privateKey) {
      if (privateKey.length !== 32 || !secp256k1.privateKeyVerify(privateKey)) {
        throw new RangeError('not a private key')
      }
      return addressOfPublicKey(secp256k1.publicKeyCreate(privateKey, false))
    },
  }
}
