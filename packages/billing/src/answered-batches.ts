/**
 * Answered batches, as they were signed, for a week: an accountant that is restored from an old backup takes them back.
 *
 * @module
 */

import { type Address, field, maxBatchBytes, message, type SignedContent, signedContent, uint } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

export interface AnsweredBatch {
  readonly batch: SignedContent
  readonly answer: SignedContent
}

export interface AnsweredBatches {
  /** What keeps it, and drops what is too old: to be committed together with the answer. */
  keep(epoch: bigint, answered: AnsweredBatch, nowMs: number): RecordWrite[]
  /** All of them, from the disk, by epoch, ascending. */
  read(): ReadonlyMap<bigint, AnsweredBatch>
}

/** An accountant waits a day for them; its operator may need some to notice. */
const keptMs = 7 * 86_400_000
/** For one accountant; a batch each minute for a week is some 15 MB. The oldest go first. */
const maxKeptBytes = 64 << 20

const answeredTable = table(
  'exchange-answered',
  message({
    batch: field(0, signedContent(maxBatchBytes)),
    answer: field(1, signedContent(maxBatchBytes)),
    atMs: field(2, uint(53)),
  }),
)

export function loadAnsweredBatches(store: RecordStore, accountant: Address): AnsweredBatches {
  const prefix = `${accountant}/`
  const keyOf = (epoch: bigint) => `${prefix}${epoch}`
  const kept = new Map<bigint, { readonly atMs: number; readonly bytes: number }>()
  let bytes = 0
  const sizeOf = ({ batch, answer }: AnsweredBatch) => batch.content.length + answer.content.length

  function load() {
    const own = [...answeredTable.load(store)].filter(([key]) => key.startsWith(prefix))
    const found = own.map(([key, of]) => [BigInt(key.slice(prefix.length)), of] as const)
    return found.sort(([a], [b]) => (a < b ? -1 : 1))
  }

  for (const [epoch, of] of load()) add(epoch, of, Number(of.atMs))

  function add(epoch: bigint, of: AnsweredBatch, atMs: number): void {
    kept.set(epoch, { atMs, bytes: sizeOf(of) })
    bytes += sizeOf(of)
  }

  return {
    keep(epoch, answered, nowMs) {
      add(epoch, answered, nowMs)
      const writes: RecordWrite[] = [answeredTable.put(keyOf(epoch), { ...answered, atMs: BigInt(nowMs) })]
      for (const [old, of] of kept) {
        if (old === epoch || (nowMs - of.atMs < keptMs && bytes <= maxKeptBytes)) break
        kept.delete(old)
        bytes -= of.bytes
        writes.push(answeredTable.remove(keyOf(old)))
      }
      return writes
    },
    read: () => new Map(load()),
  }
}
