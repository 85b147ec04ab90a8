/**
 * What this provider knows of its consumers from its own records: nobody else's word, and no promise to others, makes one
 * known here.
 *
 * @module
 */

import { type Address, field, flag, message, optional, uint, type ValueOfSchema } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'

const recordSchema = message({
  /** The accountant credited a promise of theirs to us, once at least. */
  credited: field(0, flag),
  /** A session of theirs ended with an invoice that is still open. */
  leftUnpaid: field(1, flag),
  /** Served and never paid; a tenth of what it pays later is taken off. */
  owed: optional(2, uint(256)),
})
export type ConsumerRecord = ValueOfSchema<typeof recordSchema>

export interface ConsumerBook {
  get(consumer: Address): ConsumerRecord
  /** Durable when it returns. */
  note(consumer: Address, changes: Partial<ConsumerRecord>): void
}

const consumerTable = table('provider-consumers', recordSchema)
/** A row is some 50 bytes; one that was forgotten is a stranger again. Who never paid goes first. */
const maxConsumers = 20_000
const stranger: ConsumerRecord = { credited: false, leftUnpaid: false }

export function openConsumerBook(store: RecordStore): ConsumerBook {
  const rows = consumerTable.load(store)
  const get = (consumer: Address): ConsumerRecord => rows.get(consumer) ?? stranger
  return {
    get,
    note(consumer, changes) {
      const before = get(consumer)
      const after = { ...before, ...changes }
      const same = after.credited === before.credited && after.leftUnpaid === before.leftUnpaid
      if (same && (after.owed ?? 0n) === (before.owed ?? 0n)) return
      const oldest = rows.size >= maxConsumers && !rows.has(consumer) ? oldestOf(rows) : undefined
      rows.set(consumer, after)
      store.commit([
        consumerTable.put(consumer, after),
        ...(oldest === undefined ? [] : [consumerTable.remove(oldest)]),
      ])
      if (oldest !== undefined) rows.delete(oldest)
    },
  }
}

const oldestOf = (rows: ReadonlyMap<string, ConsumerRecord>): string | undefined =>
  [...rows].find(([, { credited }]) => !credited)?.[0] ?? rows.keys().next().value
