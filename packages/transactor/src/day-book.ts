/**
 * Day book: what this day cost so far, durable, so that a restart gives nobody a second day.
 *
 * @module
 */

import { count, field, message, uint, type ValueOfSchema } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

const daySchema = message({
  /** All gas paid, in the chain's smallest unit. */
  spent: field(0, uint(128)),
  /** Of it, for transactions that brought no fee: reverted, or done to free a nonce. */
  lost: field(1, uint(128)),
  /** Of it, for calls whose fee comes days later, and may not come. */
  advanced: field(2, uint(128)),
  /** Registrations without a fee. */
  sponsored: field(3, count(Number.MAX_SAFE_INTEGER)),
  /** Gifts of the faucet. */
  given: field(4, count(Number.MAX_SAFE_INTEGER)),
})
export type Day = ValueOfSchema<typeof daySchema>

export interface DayBook {
  today(): Day
  yesterday(): Day
  /** Books it in memory; @returns what makes it durable, for the commit of what it was for. */
  add(change: Partial<Day>): readonly RecordWrite[]
}

const dayTable = table('days', daySchema)
const dayMs = 86_400_000
const nothing: Day = { spent: 0n, lost: 0n, advanced: 0n, sponsored: 0, given: 0 }

/** Days are UTC's. */
export function createDayBook(store: RecordStore, now: () => number): DayBook {
  const days = dayTable.load(store)
  const number = () => Math.floor(now() / dayMs)
  const of = (day: number): Day => days.get(String(day)) ?? nothing
  return {
    today: () => of(number()),
    yesterday: () => of(number() - 1),
    add({ spent = 0n, lost = 0n, advanced = 0n, sponsored = 0, given = 0 }) {
      const day = number()
      const before = of(day)
      const after: Day = {
        spent: before.spent + spent,
        lost: before.lost + lost,
        advanced: before.advanced + advanced,
        sponsored: before.sponsored + sponsored,
        given: before.given + given,
      }
      days.set(String(day), after)
      const old = [...days.keys()].filter((key) => Number(key) < day - 1)
      for (const key of old) days.delete(key)
      return [dayTable.put(String(day), after), ...old.map((key) => dayTable.remove(key))]
    },
  }
}
