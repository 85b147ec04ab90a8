/**
 * The log: one entry for each group of commands, each bound to the one before it. What it holds is durable.
 *
 * An entry's hash is SHA-256 of its body, and the body holds its number, the hash of the previous entry, the number of the
 * oldest entry that is kept, the newest checkpoint, and the commands with the signatures they led to. So no entry can be
 * changed, left out, put in or taken from either end without being noticed at the next start.
 *
 * The log is bounded by its bytes: the oldest entries go first, and the first kept one still names the hash before it. What
 * no checkpoint has yet always stays.
 *
 * @module
 */

import { hash } from 'node:crypto'
import {
  assert,
  bytes,
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
import type { LogEntry, NextEntry, Rows } from '@myst/store'
import { type Checkpoint, emptyLog, type LogHead, sequenceSchema } from './checkpoint.ts'
import { bytesToDigest, digestToBytes } from './checksum.ts'

/** A group is signed and synced as one; more wait for the next. */
export const maxGroupCommands = 256
/** A group whose batches have so many bytes takes no further one. */
export const maxGroupBytes = 4 << 20
/** The largest is an adoption: a batch of 250 KB, its answer of some 330 KB with all proofs, 50 KB of facts. */
const maxCommandBytes = 1 << 20
/** The batches of a group and one more, with their facts, which are half as long as the promises that they are about. */
const maxEntryBytes = 2 * maxGroupBytes

const stepSchema = message({
  /** A command, encoded. */
  command: field(0, bytes(maxCommandBytes)),
  /** Where it was answered: of the promise, of the answer, and the short hash of what that one is over. */
  answered: optional(
    1,
    message({ promise: field(0, signature), answer: field(1, signature), content: field(2, bytes(16, 16)) }),
  ),
})
export type LogStep = ValueOfSchema<typeof stepSchema>

const bodySchema = message({
  sequence: field(0, sequenceSchema),
  previous: field(1, bytes(32, 32)),
  oldest: field(2, sequenceSchema),
  /** The newest that was durable. */
  checkpoint: optional(3, message({ sequence: field(0, sequenceSchema), digest: field(1, bytes(16, 16)) })),
  steps: field(4, list(stepSchema, maxGroupCommands)),
})
export type LogBody = ValueOfSchema<typeof bodySchema>

/** What no checkpoint has yet: so much is applied anew at a start. */
export interface LogTail {
  readonly entries: number
  readonly bytes: number
}

export interface LedgerLog {
  readonly head: LogHead
  readonly tail: LogTail
  /** The next entry, and the oldest one that stays beside it. */
  next(steps: readonly LogStep[]): NextEntry
  /** It is durable now. */
  append(next: NextEntry): void
  /** The records of that entry are durable now. */
  checkpointed(checkpoint: Checkpoint): void
}

interface Kept {
  readonly head: LogHead
  /** Bytes of each entry up to the head. */
  readonly sizes: readonly number[]
  readonly checkpoint: Checkpoint | undefined
}
const nothingKept: Kept = { head: emptyLog, sizes: [], checkpoint: undefined }

/** @param maxBytes of all kept bodies together, about; the newest entry is kept however large. */
export function createLog(maxBytes: number, kept = nothingKept): LedgerLog {
  let { head, checkpoint } = kept
  let sizes = [...kept.sizes]
  let oldest = head.sequence + 1 - sizes.length
  let bytes = sum(sizes)
  /** Sizes before this place are of dropped entries; they are thrown away together. */
  let at = 0
  let tail: LogTail = { entries: 0, bytes: 0 }
  measureTail()

  function measureTail(): void {
    const entries = head.sequence - (checkpoint?.sequence ?? 0)
    tail = { entries, bytes: entries === 0 ? 0 : sum(sizes.slice(-entries)) }
  }

  function oldestBeside(added: number): number {
    let drops = 0
    const most = (checkpoint?.sequence ?? 0) + 1 - oldest
    for (let left = bytes + added; drops < most && left > maxBytes; drops++) left -= sizes[at + drops] as number
    return oldest + drops
  }

  return {
    get head() {
      return head
    },
    get tail() {
      return tail
    },
    next(steps) {
      const sequence = head.sequence + 1
      const oldest = oldestBeside(sum(steps.map(({ command }) => command.length)))
      const body = encodeMessage(bodySchema, {
        sequence,
        previous: head.hash,
        oldest,
        steps,
        ...(checkpoint && {
          checkpoint: { sequence: checkpoint.sequence, digest: digestToBytes(checkpoint.digest) },
        }),
      })
      const isReadable = body.length <= maxEntryBytes && steps.every(({ command }) => command.length <= maxCommandBytes)
      assert(isReadable, 'an entry can be read again')
      return { entry: { sequence, hash: hashOf(body), body }, oldest }
    },
    append(next) {
      for (; oldest < next.oldest; oldest++) bytes -= sizes[at++] as number
      if (at > sizes.length / 2) {
        sizes = sizes.slice(at)
        at = 0
      }
      const size = next.entry.body.length
      sizes.push(size)
      bytes += size
      tail = { entries: tail.entries + 1, bytes: tail.bytes + size }
      head = { sequence: next.entry.sequence, hash: next.entry.hash }
    },
    checkpointed(reached) {
      checkpoint = reached
      measureTail()
    },
  }
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)
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
 * The log as a store holds it; what it says of the records must be so.
 *
 * @param checkpoint of those records.
 * @param onTail is given what they lack, in order.
 * @throws Fault `ledger-damaged`.
 */
export async function loadLog(
  rows: Rows<LogEntry>,
  maxBytes: number,
  checkpoint: Checkpoint,
  onTail: (entry: LogEntry, body: LogBody) => void = () => {},
): Promise<LedgerLog> {
  const damaged = (sequence: number, why: string) => new Fault('ledger-damaged', { sequence, why })
  const sizes: number[] = []
  let head = emptyLog
  for await (const { entry, body } of readLog(rows)) {
    // The first one kept may be the one after them: it names the hash of theirs.
    const before = { sequence: entry.sequence - 1, hash: body.previous }
    const stands = [before, entry].find(({ sequence }) => sequence === checkpoint.sequence)
    if (stands !== undefined && !equalBytes(stands.hash, checkpoint.hash)) {
      throw damaged(checkpoint.sequence, 'the records are of another log')
    }
    if (head.sequence === 0 && before.sequence > checkpoint.sequence) {
      throw damaged(before.sequence, 'the entries between the records and the log are missing')
    }
    if (body.checkpoint?.sequence === checkpoint.sequence && !isDigest(checkpoint, body.checkpoint.digest)) {
      throw damaged(checkpoint.sequence, 'the records are not those that the log names')
    }
    sizes.push(entry.body.length)
    head = { sequence: entry.sequence, hash: entry.hash }
    if (entry.sequence > checkpoint.sequence) onTail(entry, body)
  }
  if (head.sequence < checkpoint.sequence) throw damaged(checkpoint.sequence, 'the log ends before the records do')
  return createLog(maxBytes, { head, sizes, checkpoint: checkpoint.sequence === 0 ? undefined : checkpoint })
}

const isDigest = ({ digest }: Checkpoint, named: Uint8Array): boolean => digest === bytesToDigest(named)
