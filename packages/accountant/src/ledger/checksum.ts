/**
 * Checksums of records, and the digest of all of them.
 *
 * A record is stored as `checksum 16 ‖ encoded`, checksum = the first 16 bytes of SHA-256(table ‖ \n ‖ key ‖ \n ‖ encoded):
 * it is bound to its place. The digest of a state is the sum of its records' checksums modulo 2¹²⁸ (an additive multiset
 * hash: Bellare and Micciancio, "A New Paradigm for Collision-free Hashing", 1997, AdHash): one subtraction and one addition
 * bring it up to date, in any order. A row that is changed, missing, added or old no longer sums up. Against damage, not
 * against somebody who rewrites records and log together.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { bytesToUint, concatBytes, equalBytes, uintToBytes } from '@myst/protocol'

/** Half of a SHA-256: plenty against damage, and each record carries it. */
const checksumBytes = 16
const modulus = 1n << 128n

export interface SealedRecord {
  readonly sealed: Uint8Array
  readonly checksum: bigint
}

/** What is hashed, in one piece: hashing in parts takes twice as long. */
function checksumOf(table: string, key: string, encoded: Uint8Array): Uint8Array {
  return shortHash(Buffer.concat([Buffer.from(`${table}\n${key}\n`), encoded]))
}

/** 16 bytes. */
export const shortHash = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer').subarray(0, checksumBytes)

export function sealRecord(table: string, key: string, encoded: Uint8Array): SealedRecord {
  const checksum = checksumOf(table, key, encoded)
  return { sealed: concatBytes(checksum, encoded), checksum: bytesToUint(checksum) }
}

/** @returns undefined where the checksum is not that of these bytes in this place. */
export function openRecord(
  table: string,
  key: string,
  sealed: Uint8Array,
): { readonly encoded: Uint8Array; readonly checksum: bigint } | undefined {
  const encoded = sealed.subarray(checksumBytes)
  const checksum = checksumOf(table, key, encoded)
  if (!equalBytes(checksum, sealed.subarray(0, checksumBytes))) return undefined
  return { encoded, checksum: bytesToUint(checksum) }
}

export const emptyDigest = 0n

/** The digest after `before` (0 for a new record) was replaced by `after`. */
export const replaceInDigest = (digest: bigint, before: bigint, after: bigint): bigint =>
  (digest + after - before + modulus) % modulus

/** 16 bytes. */
export const digestToBytes = (digest: bigint): Uint8Array => uintToBytes(digest, checksumBytes)
export const bytesToDigest = bytesToUint
