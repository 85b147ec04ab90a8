/**
 * The Crypto port: hashing and canonical recoverable signatures on secp256k1.
 *
 * Only canonical signatures exist: 65 bytes r ‖ s ‖ v, 0 < r < n, 0 < s ≤ n/2, v ∈ {27, 28}. Every adapter and the
 * contracts accept exactly the same set (`testkit`'s compliance suite and `vectors/signature.json`).
 *
 * @module
 */

import type { Address } from './bytes.ts'

export interface Crypto {
  /** 32 bytes. */
  keccak256(bytes: Uint8Array): Uint8Array
  /** Deterministic (RFC 6979). @returns 65 bytes, canonical. @throws where the hash is not 32 bytes or the key is none. */
  sign(hash: Uint8Array, privateKey: Uint8Array): Uint8Array
  /** Who signed; undefined where the signature is not canonical or recovers to nobody. Never throws. */
  recover(hash: Uint8Array, signature: Uint8Array): Address | undefined
  /** @throws RangeError where the key is not 32 bytes in [1, n − 1]. */
  addressOf(privateKey: Uint8Array): Address
}

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const halfOrder = curveOrder >> 1n
const maximalS = halfOrder.toString(16).padStart(64, '0')
const maximalR = (curveOrder - 1n).toString(16).padStart(64, '0')

/** The one definition of "canonical", shared by all adapters: compares big-endian bytes, no bigint on the hot path. */
export function isCanonicalSignature(signature: Uint8Array): boolean {
  if (signature.length !== 65) return false
  const v = signature[64]
  return (v === 27 || v === 28) && inRange(signature, 0, rBound) && inRange(signature, 32, sBound)
}

const wordOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const rBound = wordOf(maximalR)
const sBound = wordOf(maximalS)

/** 1 ≤ word ≤ bound, big-endian. */
function inRange(signature: Uint8Array, offset: number, bound: Uint8Array): boolean {
  let zero = true
  let below = false
  for (let index = 0; index < 32; index++) {
    const byte = signature[offset + index] as number
    const limit = bound[index] as number
    if (byte !== 0) zero = false
    if (!below && byte > limit) return false
    if (byte < limit) below = true
  }
  return !zero
}
