/**
 * Settler: when to bring the accountant's promise on chain.
 *
 * @module
 */

export interface SettlerFacts {
  /** Promised by the accountant and not yet settled. */
  readonly unsettled: bigint
  /** Locked for this provider at the accountant. */
  readonly guarantee: bigint
  /** What a settlement costs now, in MYST. */
  readonly fee: bigint
}

export interface SettlerPolicy {
  /** What may stay unsettled above the guarantee. */
  readonly allowance: bigint
  readonly always: bigint
  /** Settled from here on, where the fee stays under `cheapPercent`. */
  readonly whenCheap: bigint
  readonly cheapPercent: bigint
}

export const defaultSettlerPolicy: SettlerPolicy = {
  allowance: 5n * 10n ** 18n,
  always: 20n * 10n ** 18n,
  whenCheap: 5n * 10n ** 18n,
  cheapPercent: 5n,
}

export type SettleReason = 'near-capacity' | 'amount' | 'cheap'

/** @returns why to settle now, or undefined. Never when the fee takes it all. */
export function reasonToSettle(facts: SettlerFacts, policy: SettlerPolicy): SettleReason | undefined {
  if (facts.unsettled <= facts.fee) return undefined
  if (5n * facts.unsettled >= 4n * (facts.guarantee + policy.allowance)) return 'near-capacity'
  if (facts.unsettled >= policy.always) return 'amount'
  if (facts.unsettled >= policy.whenCheap && 100n * facts.fee <= policy.cheapPercent * facts.unsettled) return 'cheap'
  return undefined
}
