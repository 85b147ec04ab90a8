/**
 * What was promised today, to everybody and to each provider, held against the person's own limits.
 *
 * A day is one of UTC by the wall clock. A clock that is set back finds what was spent on that day; one that runs ahead gets a
 * new day's allowance, once.
 *
 * @module
 */

import { type Address, field, maxOf, message, uint } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

/** Base units; absent: no limit. */
export interface SpendingLimits {
  readonly perSession?: bigint
  readonly perProviderDay?: bigint
  readonly perDay?: bigint
}

export type SpendingRefusal =
  | { readonly code: 'invoice-over-day-limit'; readonly limit: bigint; readonly spent: bigint; readonly step: bigint }
  | {
      readonly code: 'invoice-over-provider-limit'
      readonly limit: bigint
      readonly spent: bigint
      readonly step: bigint
    }

export interface SpendingBook {
  /** What may still be promised today to this provider, or to everybody where none is named; undefined: no limit. */
  leftFor(provider?: Address): bigint | undefined
  refusalOf(provider: Address, step: bigint): SpendingRefusal | undefined
  /** What to make durable with the promise; `spend` is told when it is. */
  writesOf(provider: Address, step: bigint): readonly RecordWrite[]
  spend(provider: Address, step: bigint): void
}

const spendingTable = table('payer-spending', message({ total: field(0, uint(256)) }))
const everybody = 'all'
/** The newest that something was spent on; a row for each provider that was paid then. */
const maxDays = 32
const dayMs = 86_400_000

export function openSpendingBook(store: RecordStore, limits: SpendingLimits, nowMs: () => number): SpendingBook {
  const rows = new Map([...spendingTable.load(store)].map(([key, { total }]) => [key, total]))
  let day = { number: Number.NaN, name: '' }
  /** Named once: it is asked for with each invoice, and each look at the money. */
  function today(): string {
    const number = Math.floor(nowMs() / dayMs)
    if (number !== day.number) day = { number, name: new Date(number * dayMs).toISOString().slice(0, 10) }
    return day.name
  }
  const spent = (who: string) => rows.get(`${today()}/${who}`) ?? 0n

  const sums = (provider: Address, step: bigint): [string, bigint][] =>
    [everybody, provider].map((who) => [`${today()}/${who}`, spent(who) + step])
  /** By number: a clock that ran ahead must not forget today. */
  function old(): readonly string[] {
    const days = [...new Set([...rows.keys()].map(dayOf))].sort().slice(-maxDays)
    return [...rows.keys()].filter((key) => !days.includes(dayOf(key)) && dayOf(key) !== today())
  }

  return {
    leftFor(provider) {
      const limit = provider === undefined ? limits.perDay : limits.perProviderDay
      return limit === undefined ? undefined : maxOf(0n, limit - spent(provider ?? everybody))
    },
    refusalOf(provider, step) {
      const { perDay, perProviderDay } = limits
      if (perDay !== undefined && spent(everybody) + step > perDay) {
        return { code: 'invoice-over-day-limit', limit: perDay, spent: spent(everybody), step }
      }
      if (perProviderDay !== undefined && spent(provider) + step > perProviderDay) {
        return { code: 'invoice-over-provider-limit', limit: perProviderDay, spent: spent(provider), step }
      }
      return undefined
    },
    writesOf: (provider, step) => [
      ...sums(provider, step).map(([key, total]) => spendingTable.put(key, { total })),
      ...old().map((key) => spendingTable.remove(key)),
    ],
    spend(provider, step) {
      for (const key of old()) rows.delete(key)
      for (const [key, total] of sums(provider, step)) rows.set(key, total)
    },
  }
}

const dayOf = (key: string) => key.slice(0, 10)
