/**
 * Payout order: a provider asks its accountant to be paid on schedule, so that it needs no settlement and no gas.
 *
 * The contract pays unasked only whom it heard the wish of (`changeSettleWish`). The order may carry it, signed; the
 * accountant then lays it on chain with the first payout.
 *
 * @module
 */

import { field, flag, message, oneOf, optional, signature, uint, type ValueOfSchema } from './message.ts'

export const payoutPeriods = ['never', 'day', 'week'] as const
export type PayoutPeriod = (typeof payoutPeriods)[number]

/** The provider's `SettleWish` with `payouts` set; its provider is who sends it. */
export const settleWishMessage = message({
  anyone: field(0, flag),
  nonce: field(1, uint(256)),
  deadline: field(2, uint(256)),
  signature: field(3, signature),
})
export type SignedSettleWish = ValueOfSchema<typeof settleWishMessage>

export const payoutOrderSchema = message({
  every: field(0, oneOf(payoutPeriods)),
  /** Less than this waits for the next time; base units. */
  least: field(1, uint(256)),
  wish: optional(2, settleWishMessage),
})
export type PayoutOrder = ValueOfSchema<typeof payoutOrderSchema>

/** What the accountant has of a provider. */
export const payoutStandingSchema = message({
  /** Absent: none was given. */
  order: optional(0, payoutOrderSchema),
  /** The contract has heard the wish. */
  isWished: field(1, flag),
})
export type PayoutStanding = ValueOfSchema<typeof payoutStandingSchema>

/** In the order of the checks. */
export type PayoutRefusal =
  | { readonly code: 'payout-provider-unknown' }
  | { readonly code: 'payout-least-too-low'; readonly atLeast: bigint }
  | { readonly code: 'payout-wish-missing' }
  | { readonly code: 'payout-wish-expired'; readonly deadline: bigint }
  | { readonly code: 'payout-wish-wrong-signer' }
