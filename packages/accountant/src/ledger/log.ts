/**
 * The log: one entry for each group of commands, each bound to the one before it.
 *
 * An entry's hash is SHA-256 of its body, and the body holds its number, the hash of the previous entry, the digest of all
 * records after it, the number of the oldest entry that is kept, and the commands with the signatures they led to. So no
 * entry can be changed, left out, put in or taken from either end without being noticed at the next start.
 *
 * The log is bounded by its bytes: the oldest entries go first, and the first kept one still names the hash before it.
 *
 * @module
 */

import { hash } from 'node:crypto'
import {
  assert,
  bytes,
  count,
  decodeMessage,
  encodeMessage,
  equalBytes,
  Fault,
  field,
  list,
  message,
  optional,
  signature,
  type ValueOfSchema,
} from '@myst/protocol'
import type { LogEntry, Rows } from '@myst/store'
import { digestToBytes, emptyDigest } from './checksum.ts'

/** A group is signed and synced as one; more wait for the next. */
export const maxGroupCommands = 256
/** A group whose batches have so many bytes takes no further one. */
export const maxGroupBytes = 4 << 20
const maxCommandBytes = 1 << 20
/** The batches of a group and one more, with their facts, which are half as long as the promises that they are about. */
const maxEntryBytes = 2 * maxGroupBytes

const stepSchema = message({
  /** A command, encoded. */
  command: field(0, bytes(maxCommandBytes)),
  /** Where it was answered: of the promise, and of the answer. */
  signatures: optional(1, message({ promise: field(0, signature), answer: field(1, signature) })),
})
export type LogStep = ValueOfSchema<typeof stepSchema>

const sequence = count(Number.MAX_SAFE_INTEGER)
const bodySchema = message({
  sequence: field(0, sequence),
  previous: field(1, bytes(32, 32)),
  digest: field(2, bytes(16, 16)),
  oldest: field(3, sequence),
  steps: field(4, list(stepSchema, maxGroupCommands)),
})
export type LogBody = ValueOfSchema<typeof bodySchema>

/** Where a log stands: the number and hash of its newest entry. */
export interface LogHead {
  readonly sequence: number
  readonly hash: Uint8Array
}
export const emptyLog: LogHead = { sequence: 0, hash: new Uint8Array(32) }

export interface LedgerLog {
  readonly head: LogHead
  /** The next entry, and the oldest one that stays beside it. */
  next(steps: readonly LogStep[], digest: bigint): NextEntry
  /** It is durable now. */
  append(next: NextEntry): void
}

export interface NextEntry {
  readonly entry: LogEntry
  readonly oldest: number
}

interface Kept {
  readonly head: LogHead
  readonly oldest: number
  /** Bytes of each entry from `oldest` on. */
  readonly sizes: readonly number[]
}
const nothingKept: Kept = { head: emptyLog, oldest: 1, sizes: [] }

/** @param maxBytes of all kept bodies together, about; the newest entry is kept however large. */
export function createLog(maxBytes: number, kept = nothingKept): LedgerLog {
  let { head, oldest } = kept
  let sizes = [...kept.sizes]
  let bytes = sizes.reduce((sum, size) => sum + size, 0)
  /** Sizes before this place are of dropped entries; they are thrown away together. */
  let at = 0

  function oldestBeside(added: number): number {
    let drops = 0
    for (let left = bytes + added; at + drops < sizes.length && left > maxBytes; drops++) {
      left -= sizes[at + drops] as number
    }
    return oldest + drops
  }

  return {
    get head() {
      return head
    },
    next(steps, digest) {
      const sequence = head.sequence + 1
      const oldest = oldestBeside(steps.reduce((sum, { command }) => sum + command.length, 0))
      const body = encodeMessage(bodySchema, {
        sequence,
        previous: head.hash,
        digest: digestToBytes(digest),
        oldest,
        steps,
      })
      assert(body.length <= maxEntryBytes, 'an entry can be read again')
      return { entry: { sequence, hash: hashOf(body), body }, oldest }
    },
    append(next) {
      for (; oldest < next.oldest; oldest++) bytes -= sizes[at++] as number
      if (at > sizes.length / 2) {
        sizes = sizes.slice(at)
        at = 0
      }
      sizes.push(next.entry.body.length)
      bytes += next.entry.body.length
      head = { sequence: next.entry.sequence, hash: next.entry.hash }
    },
  }
}

const hashOf = (body: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', body, 'buffer'))

/**
 * The entries of a log, each checked against the one before it.
 *
 * @throws Fault `ledger-damaged` at the first that does not follow.
 */
export async function* readLog(rows: Rows<LogEntry>): AsyncGenerator<{ entry: LogEntry; body: LogBody }> {
  let before: { entry: LogEntry; body: LogBody } | undefined
  let first = 0
  for await (const entry of rows) {
    const damaged = (why: string) => new Fault('ledger-damaged', { sequence: entry.sequence, why })
    if (!equalBytes(hashOf(entry.body), entry.hash)) throw damaged('its hash is wrong')
    const decoded = decodeMessage(bodySchema, entry.body, maxEntryBytes)
    if (!decoded.ok) throw damaged(JSON.stringify(decoded.refusal))
    const body = decoded.value
    if (body.sequence !== entry.sequence) throw damaged('it stands in the wrong place')
    if (before !== undefined) {
      if (entry.sequence !== before.entry.sequence + 1) throw damaged('the entry before it is missing')
      if (!equalBytes(body.previous, before.entry.hash)) throw damaged('it follows another entry')
    } else {
      first = entry.sequence
    }
    before = { entry, body }
    yield before
  }
  if (before !== undefined && before.body.oldest !== first) {
    throw new Fault('ledger-damaged', { sequence: before.body.oldest, why: 'the oldest entry is missing' })
  }
}

/**
 * The log as a store holds it; what its newest entry says of the records must be so.
 *
 * @throws Fault `ledger-damaged`.
 */
export async function loadLog(rows: Rows<LogEntry>, maxBytes: number, digest: bigint): Promise<LedgerLog> {
  const sizes: number[] = []
  let head = emptyLog
  let said = digestToBytes(emptyDigest)
  for await (const { entry, body } of readLog(rows)) {
    sizes.push(entry.body.length)
    head = { sequence: entry.sequence, hash: entry.hash }
    said = body.digest
  }
  if (equalBytes(said, digestToBytes(digest))) {
    return createLog(maxBytes, { head, oldest: head.sequence + 1 - sizes.length, sizes })
  }
  const why = 'the records are not those that the newest entry of the log leads to'
  throw new Fault('ledger-damaged', { sequence: head.sequence, why })
}
