/**
 * Domain separators of channels, each computed from its consumer's address by three hashes: kept in one run of bytes, since
 * every thread that checks has its own for a hundred thousand consumers, and maps of objects take six times as much.
 *
 * Direct-mapped: an address has one place, and takes it from who had it. Whoever makes addresses that share a place
 * has their promises cost some microseconds more.
 *
 * @module
 */

import { type Address, writeIdentifier } from '@myst/protocol'

/** Two places for each of 65,536 consumers; 6.5 MiB, of which an untouched page takes no memory. */
const places = 1 << 17
const [consumerBytes, separatorBytes] = [20, 32]
/** A place: consumer 20 ‖ separator 32. */
const entryBytes = consumerBytes + separatorBytes

/** @returns bytes that are good until the next call. */
export type SeparatorOf = (consumer: Address) => Uint8Array

export function cacheSeparators(compute: (consumer: Address) => Uint8Array): SeparatorOf {
  const entries = new Uint8Array(places * entryBytes)
  const name = new Uint8Array(consumerBytes)
  /** Nobody has address 0, whose place looks as if it was taken already. */
  function isKept(at: number): boolean {
    for (let byte = 0; byte < consumerBytes; byte++) if (entries[at + byte] !== name[byte]) return false
    return true
  }

  return (consumer) => {
    writeIdentifier(name, 0, consumer, consumerBytes)
    const place = (((name[17] as number) << 16) | ((name[18] as number) << 8) | (name[19] as number)) % places
    const at = place * entryBytes
    if (!isKept(at)) {
      entries.set(compute(consumer), at + consumerBytes)
      entries.set(name, at)
    }
    return entries.subarray(at + consumerBytes, at + entryBytes)
  }
}
