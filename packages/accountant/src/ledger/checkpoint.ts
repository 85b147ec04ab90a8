/**
 * Checkpoint: the entry of the log that the stored records stand at, and the digest of all of them.
 *
 * It is stored among the records, in the transaction that brings them there, and named by the entries that come after it:
 * so log and records are bound to each other. What the log has beyond it is applied anew at a start.
 *
 * @module
 */

import { bytes, count, decodeMessage, encodeMessage, Fault, field, message } from '@myst/protocol'
import type { LedgerRecord } from '@myst/store'
import { bytesToDigest, digestToBytes, emptyDigest, openRecord, sealRecord } from './checksum.ts'

/** Where a log stands: the number and hash of its newest entry. */
export interface LogHead {
  readonly sequence: number
  readonly hash: Uint8Array
}
export const emptyLog: LogHead = { sequence: 0, hash: new Uint8Array(32) }

export interface Checkpoint extends LogHead {
  /** Of all records after that entry. */
  readonly digest: bigint
}
export const noCheckpoint: Checkpoint = { ...emptyLog, digest: emptyDigest }

export const sequenceSchema = count(Number.MAX_SAFE_INTEGER)
const checkpointSchema = message({
  sequence: field(0, sequenceSchema),
  hash: field(1, bytes(32, 32)),
  digest: field(2, bytes(16, 16)),
})
/** Number, hash 32 and digest 16 come to some 64 bytes with their framing. */
const maxCheckpointBytes = 128

/** No table of the ledger's. */
export const checkpointTable = 'checkpoint'
const newest = 'newest'

export function checkpointRecord({ sequence, hash, digest }: Checkpoint): LedgerRecord {
  const encoded = encodeMessage(checkpointSchema, { sequence, hash, digest: digestToBytes(digest) })
  return { table: checkpointTable, key: newest, value: sealRecord(checkpointTable, newest, encoded).sealed }
}

/** @throws Fault `ledger-damaged`. */
export function readCheckpoint({ table, key, value }: LedgerRecord): Checkpoint {
  const opened = key === newest ? openRecord(table, key, value) : undefined
  const decoded = opened && decodeMessage(checkpointSchema, opened.encoded, maxCheckpointBytes)
  if (!decoded?.ok) throw new Fault('ledger-damaged', { table, key, why: 'it is no checkpoint' })
  return { ...decoded.value, digest: bytesToDigest(decoded.value.digest) }
}
