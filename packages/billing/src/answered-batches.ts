/**
 * Answered batches, as they were signed, the newest ones: an accountant that is restored from an old backup takes them back.
 *
 * They go by their bytes and not by their age: a clock that jumps ahead must not forget what a restore needs.
 *
 * @module
 */

import { type Address, field, maxBatchBytes, message, type SignedContent, signedContent } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

export interface AnsweredBatch {
  readonly batch: SignedContent
  readonly answer: SignedContent
}

export interface AnsweredBatches {
  /** What keeps it, and drops the oldest where there are too many: to be committed together with the answer. */
  keep(epoch: bigint, answered: AnsweredBatch): RecordWrite[]
  /** All of them, from the disk, by epoch, ascending. */
  read(): ReadonlyMap<bigint, AnsweredBatch>
}

/**
 * For one accountant. It waits a day for them, and its operator may need some to notice: a batch each minute for a week is
 * some 15 MB.
 */
const maxKeptBytes = 32 << 20

const answeredTable = table(
  'exchange-answered',
  message({
    batch: field(0, signedContent(maxBatchBytes)),
    answer: field(1, signedContent(maxBatchBytes)),
  }),
)

export function loadAnsweredBatches(store: RecordStore, accountant: Address): AnsweredBatches {
  const prefix = `${accountant}/`
  const keyOf = (epoch: bigint) => `${prefix}${epoch}`
  /** Of each epoch, ascending. */
  const kept = new Map<bigint, number>()
  let bytes = 0
  const sizeOf = ({ batch, answer }: AnsweredBatch) => batch.content.length + answer.content.length

  function load() {
    const own = [...answeredTable.load(store)].filter(([key]) => key.startsWith(prefix))
    const found = own.map(([key, of]) => [BigInt(key.slice(prefix.length)), of] as const)
    return found.sort(([a], [b]) => (a < b ? -1 : 1))
  }

  for (const [epoch, of] of load()) add(epoch, of)

  function add(epoch: bigint, of: AnsweredBatch): void {
    kept.set(epoch, sizeOf(of))
    bytes += sizeOf(of)
  }

  return {
    keep(epoch, answered) {
      add(epoch, answered)
      const writes: RecordWrite[] = [answeredTable.put(keyOf(epoch), answered)]
      for (const [old, size] of kept) {
        if (old === epoch || bytes <= maxKeptBytes) break
        kept.delete(old)
        bytes -= size
        writes.push(answeredTable.remove(keyOf(old)))
      }
      return writes
    },
    read: () => new Map(load()),
  }
}
