/**
 * Settler: when to bring the accountant's promise on chain.
 *
 * Source: `docs/operating/node.md`, "When it settles".
 *
 * @module
 */

import { maxOf, minOf } from '@myst/protocol'

export interface SettlerFacts {
  /** Promised by the accountant and not yet settled. */
  readonly unsettled: bigint
  /** Locked for this provider at the accountant. */
  readonly guarantee: bigint
  /** What may stay unsettled above the guarantee, at this accountant: `allowanceAt`. */
  readonly allowance: bigint
  /** What a settlement costs now, in MYST. */
  readonly fee: bigint
  /** Since when the oldest of it could have been settled. */
  readonly ageMs: number
  /** The accountant is being punished, replaces its key, or closes: what backs its promises may soon be less. */
  readonly atRisk: boolean
}

export interface SettlerPolicy {
  /** What may stay unsettled above the guarantees, over all accountants together. */
  readonly allowance: bigint
  readonly always: bigint
  /** Settled from here on, where the fee stays under `cheapPercent`. */
  readonly whenCheap: bigint
  readonly cheapPercent: bigint
  /** Whatever is older is settled, where the fee stays under `cheapPercent`. */
  readonly maxAgeMs: number
}

const dayMs = 86_400_000

export const defaultSettlerPolicy: SettlerPolicy = {
  allowance: 5n * 10n ** 18n,
  always: 20n * 10n ** 18n,
  whenCheap: 5n * 10n ** 18n,
  cheapPercent: 5n,
  maxAgeMs: 7 * dayMs,
}

/** In the order of their urgency. */
export type SettleReason = 'near-capacity' | 'at-risk' | 'amount' | 'cheap' | 'age'

/** Of one accountant's stake as operator, that may be unguaranteed there: it has a hundred times as much to lose. */
const stakeShare = 100n

/**
 * What may stay unsettled above the guarantee at one accountant.
 *
 * @param elsewhere what is above the guarantees of all others.
 */
export const allowanceAt = (policy: SettlerPolicy, operatorStake: bigint, elsewhere: bigint): bigint =>
  minOf(maxOf(0n, policy.allowance - elsewhere), operatorStake / stakeShare)

/** @returns why to settle now, or undefined. Never when the fee takes it all. */
export function reasonToSettle(facts: SettlerFacts, policy: SettlerPolicy): SettleReason | undefined {
  const { unsettled, guarantee, allowance, fee } = facts
  if (unsettled <= fee) return undefined
  if (5n * unsettled >= 4n * (guarantee + allowance)) return 'near-capacity'
  const isCheap = 100n * fee <= policy.cheapPercent * unsettled
  if (facts.atRisk && isCheap) return 'at-risk'
  if (unsettled >= policy.always) return 'amount'
  if (unsettled >= policy.whenCheap && isCheap) return 'cheap'
  if (facts.ageMs >= policy.maxAgeMs && isCheap) return 'age'
  return undefined
}
