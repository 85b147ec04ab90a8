/**
 * A plan of bounties: who gets how much of a budget, by what providers earned from sessions that consumers signed for.
 *
 * A provider can be its own consumer, and nothing tells its sessions from others: they cost it the accountant's fee. So a
 * bounty is at most what its earnings brought in fees (`ofFees` 100): who deals with itself gets back, at best, what it paid.
 * Shares and limits are rounded down, so that the sum is never above the budget.
 *
 * @module
 */

import { type Address, minOf } from '@myst/protocol'

/** Sums up to some time: what each provider was credited, and all of them, with the fees on it. */
export interface Proven {
  readonly credited: bigint
  readonly fees: bigint
  readonly providers: ReadonlyMap<Address, bigint>
}
export const nothingProven: Proven = { credited: 0n, fees: 0n, providers: new Map() }

export interface BountyTerms {
  readonly budget: bigint
  /** Percent of the fees that its earnings brought: the most for a provider. Above 100 dealing with oneself pays. */
  readonly ofFees: bigint
  /** The most and the least for one provider; who would get less gets nothing. */
  readonly most?: bigint
  readonly least: bigint
  /** These alone. */
  readonly only?: ReadonlySet<Address>
}

export interface BountyRow {
  readonly provider: Address
  readonly credited: bigint
  readonly bounty: bigint
}

/** What came after `before`; undefined where that is not earlier. */
export function provenSince(now: Proven, before: Proven): Proven | undefined {
  if (before.credited > now.credited || before.fees > now.fees) return undefined
  const providers = [...now.providers].map(([provider, credited]): [Address, bigint] => {
    return [provider, credited - (before.providers.get(provider) ?? 0n)]
  })
  return { credited: now.credited - before.credited, fees: now.fees - before.fees, providers: new Map(providers) }
}

/** @returns the largest first; at most `maxRows`. */
export function shareBudget(proven: Proven, terms: BountyTerms, maxRows: number): BountyRow[] {
  const { budget, ofFees, most = budget, least, only } = terms
  const earned = [...proven.providers].filter(([of, credited]) => credited > 0n && (only?.has(of) ?? true))
  const sum = earned.reduce((total, [, credited]) => total + credited, 0n)
  return earned
    .map(([provider, credited]): BountyRow => {
      const share = (budget * credited) / sum
      const limit = proven.credited === 0n ? 0n : (proven.fees * credited * ofFees) / (proven.credited * 100n)
      return { provider, credited, bounty: minOf(minOf(share, limit), most) }
    })
    .filter(({ bounty }) => bounty > 0n && bounty >= least)
    .sort((a, b) => (a.bounty === b.bounty ? (a.provider < b.provider ? -1 : 1) : a.bounty < b.bounty ? 1 : -1))
    .slice(0, maxRows)
}
