/**
 * How long the money lasts: what each limit still allows once everybody who draws on it has paid, and when it is used up at
 * the pace of the last minutes.
 *
 * @module
 */

import type { PayerBook } from '@myst/billing'
import { type Address, maxOf } from '@myst/protocol'

/** What ends first: what this session may cost, what the day allows, or what the channel can promise. */
export type Limit = 'budget' | 'day' | 'channel'

/** A session that draws on a limit. All live ones of a channel know each other: they share what is left. */
export interface Debtor {
  readonly provider: Address
  /** Used and not promised yet. */
  readonly owed: bigint
  readonly pacer: Pacer
  /** It pays its last invoice, and uses nothing more. */
  readonly isParting: boolean
}

export interface MoneyLeft {
  readonly limit: Limit
  /** Promised to nobody and owed to nobody; below zero, somebody will not be paid. */
  readonly free: bigint
  /** What its debtors can use until they have been looked at again. */
  readonly reserve: bigint
  /** Undefined while nothing is used, or it is too early to tell. */
  readonly lastsMs: number | undefined
}

/** Between two looks a session uses what nobody has counted yet, and then it needs a moment to end. */
export const lookEveryMs = 2000
/** Until the next look, and as long again for the end. */
const reserveMs = 2 * lookEveryMs

/** @param amount that may still be promised. */
export function moneyLeft(limit: Limit, amount: bigint, debtors: Iterable<Debtor>): MoneyLeft {
  let owed = 0n
  let hourly = 0n
  let reserve = 0n
  for (const debtor of debtors) {
    owed += debtor.owed
    if (debtor.isParting) continue
    hourly += debtor.pacer.costIn(hourMs)
    reserve += debtor.pacer.mostIn(reserveMs)
  }
  const free = amount - owed
  const lastsMs = hourly <= 0n ? undefined : Number((free * BigInt(hourMs)) / hourly)
  return { limit, free, reserve, lastsMs }
}

/** What the sessions of a channel have in common. */
export interface SharedMoney {
  readonly book: Pick<PayerBook, 'amount' | 'leftFor'>
  /** Its live sessions. */
  readonly debtors: ReadonlySet<Debtor>
}

/** The limits that a session with this provider shares with others: of the day, of the provider's day, of the channel. */
export function sharedLimits({ book, debtors }: SharedMoney, provider: Address, capacity: bigint): MoneyLeft[] {
  const [day, his] = [book.leftFor(), book.leftFor(provider)]
  const toHim = [...debtors].filter((one) => one.provider === provider)
  return [
    ...(day === undefined ? [] : [moneyLeft('day', day, debtors)]),
    ...(his === undefined ? [] : [moneyLeft('day', his, toHim)]),
    moneyLeft('channel', capacity - book.amount, debtors),
  ]
}

export interface Pacer {
  /** What the session has cost by now; it never falls. */
  note(atMs: number, cost: bigint): void
  /** What it costs in so long, at the pace of the last minutes; 0 while it is too early to tell. */
  costIn(ms: number): bigint
  /** The same from the first look on, or at the pace since the last one where that is faster: what is kept back for it. */
  mostIn(ms: number): bigint
}

const hourMs = 3_600_000
/** Over less, every page that loads would change how long the money lasts; over more, a change of pace shows late. */
const windowMs = 300_000
/** A download that begins is no pace yet. */
const leastMs = 6_000

interface Sample {
  readonly atMs: number
  readonly cost: bigint
}

export function createPacer(startedMs: number): Pacer {
  const samples: [Sample, ...Sample[]] = [{ atMs: startedMs, cost: 0n }]

  /** Between a sample and the newest. */
  function costFrom(from: Sample, ms: number): bigint {
    const last = samples.at(-1) ?? from
    return last.atMs <= from.atMs ? 0n : ((last.cost - from.cost) * BigInt(ms)) / BigInt(last.atMs - from.atMs)
  }

  return {
    note(atMs, cost) {
      samples.push({ atMs, cost })
      // The newest one before the window stays: a pace is between two looks.
      const isOld = ([, second]: Sample[]) => second !== undefined && second.atMs <= atMs - windowMs
      while (isOld(samples)) samples.shift()
    },
    costIn(ms) {
      const [first] = samples
      return (samples.at(-1)?.atMs ?? 0) - first.atMs < leastMs ? 0n : costFrom(first, ms)
    },
    mostIn(ms) {
      return maxOf(costFrom(samples[0], ms), costFrom(samples.at(-2) ?? samples[0], ms))
    },
  }
}
