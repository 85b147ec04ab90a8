/**
 * Preimages and hashlocks, derived from the provider's key: a lost disk loses no preimage.
 *
 * preimage = HMAC-SHA-256(secret, chainId 32 ‖ accountant 20 ‖ epoch 8, big-endian), secret = HKDF-SHA-256(private key,
 * no salt, info "myst/preimages/1", 32 bytes); hashlock = keccak256(preimage).
 *
 * @module
 */

import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { type Address, type Bytes32, concatBytes, fromHex, toHex, uintToBytes } from './bytes.ts'
import type { Crypto } from './crypto.ts'

const info = new TextEncoder().encode('myst/preimages/1')

/** Never leaves the process, is in no log. 32 bytes. */
export const preimageSecret = (privateKey: Uint8Array): Uint8Array => hkdf(sha256, privateKey, undefined, info, 32)

export interface PreimageScope {
  readonly chainId: bigint
  readonly accountant: Address
}

/** 32 bytes. `epoch` is a uint64 that is never used twice: see `nextEpoch`. */
export function derivePreimage(secret: Uint8Array, { chainId, accountant }: PreimageScope, epoch: bigint): Uint8Array {
  return hmac(sha256, secret, concatBytes(uintToBytes(chainId), fromHex(accountant), uintToBytes(epoch, 8)))
}

export function hashlockOf(crypto: Crypto, preimage: Uint8Array): Bytes32 {
  if (preimage.length !== 32) throw new RangeError('a preimage has 32 bytes')
  return toHex(crypto.keccak256(preimage))
}

/**
 * The next epoch: above the last durable one, above what an accountant shows as ours, and above the clock at start.
 *
 * The clock alone separates two machines on one identity, and a start after a lost disk from the epochs before it;
 * the other two hold where the clock was set back. 2¹⁰ epochs a millisecond are room for none to collide.
 */
export function firstEpoch(lastDurable: bigint, newestShown: bigint, startedAtMs: number): bigint {
  const clock = BigInt(Math.max(0, Math.trunc(startedAtMs))) << 10n
  return [lastDurable, newestShown, clock].reduce((a, b) => (a > b ? a : b)) + 1n
}

const transportInfo = new TextEncoder().encode('myst/transport/1')

/** Seed of a provider's or full node's Ed25519 transport key, 32 bytes: the same machine is found under the same key. */
export const transportSeed = (privateKey: Uint8Array): Uint8Array =>
  hkdf(sha256, privateKey, undefined, transportInfo, 32)
