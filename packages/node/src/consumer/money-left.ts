/**
 * How long the money lasts: what limits a session most, and when it is used up at the pace of the last minutes.
 *
 * @module
 */

/** What ends first: what this session may cost, what the day allows, or what the channel can promise. */
export type Limit = 'budget' | 'day' | 'channel'

export interface MoneyLeft {
  readonly limit: Limit
  readonly amount: bigint
}

export function tightest(left: readonly MoneyLeft[]): MoneyLeft | undefined {
  return left.reduce<MoneyLeft | undefined>(
    (least, one) => (least === undefined || one.amount < least.amount ? one : least),
    undefined,
  )
}

export interface Pacer {
  /** What the session has cost by now; it never falls. */
  note(atMs: number, cost: bigint): void
  /** What it costs in so long, at the pace of the last minutes. */
  costOf(ms: number): bigint
  /** How long so much lasts; undefined while nothing was used, or it is too early to tell. */
  lastsMs(left: bigint): number | undefined
}

const windowMs = 300_000
/** A download that begins is no pace yet. */
const leastMs = 6_000

export function createPacer(startedMs: number): Pacer {
  const samples: { readonly atMs: number; readonly cost: bigint }[] = [{ atMs: startedMs, cost: 0n }]

  function pace(): { readonly ms: number; readonly cost: bigint } | undefined {
    const [first, last] = [samples[0], samples.at(-1)]
    if (first === undefined || last === undefined || last.atMs - first.atMs < leastMs) return undefined
    return { ms: last.atMs - first.atMs, cost: last.cost - first.cost }
  }

  return {
    note(atMs, cost) {
      samples.push({ atMs, cost })
      // The newest one before the window stays: a pace is between two looks.
      const isOld = ([, second]: typeof samples) => second !== undefined && second.atMs <= atMs - windowMs
      while (isOld(samples)) samples.shift()
    },
    costOf(ms) {
      const now = pace()
      return now === undefined ? 0n : (now.cost * BigInt(ms)) / BigInt(now.ms)
    },
    lastsMs(left) {
      const now = pace()
      if (now === undefined || now.cost <= 0n) return undefined
      return Number((left * BigInt(now.ms)) / now.cost)
    },
  }
}
