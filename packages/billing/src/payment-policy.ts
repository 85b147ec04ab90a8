/**
 * How far a node trusts, in money: the defaults of `payments.md` §6, all multiplied by the network's price scale.
 *
 * @module
 */

import type { ExchangerPolicy, FirstCreditLimits } from '@myst/payments'
import type { Pace } from '@myst/protocol'

export interface PaymentPolicy {
  readonly firstCredit: bigint
  readonly maxCredit: bigint
  readonly firstInvoiceAmount: bigint
  /** A session is invoiced sooner when this much is due. */
  readonly dueAmount: bigint
  readonly minDelta: bigint
  readonly minInvoiceMs: number
  readonly maxInvoiceMs: number
  /** From over the limit to the end of the session. */
  readonly graceMs: number
  /** Not yet credited, over all consumers of one accountant. */
  readonly exposureLimit: bigint
  readonly firstCreditLimits: FirstCreditLimits
  readonly exchange: ExchangerPolicy
  /** Basis points; accountants that take more are not used. */
  readonly feeLimit: number
  /** Finally refused by an accountant in a day, without proof; above it the accountant is no longer used. */
  readonly unprovedRefusals: bigint
  /** As a consumer. */
  readonly pace: Pace
  /** As a consumer: added to a promise of our own that somebody shows after a restored backup. */
  readonly restoreJump: bigint
}

/** 10⁻³ MYST. */
const milli = 10n ** 15n

export function paymentPolicy(scale: bigint, changes: Partial<PaymentPolicy> = {}): PaymentPolicy {
  return {
    firstCredit: 3n * milli * scale,
    maxCredit: 30n * milli * scale,
    firstInvoiceAmount: (3n * milli * scale) / 100n,
    dueAmount: (3n * milli * scale) / 2n,
    minDelta: 10n ** 12n,
    minInvoiceMs: 5_000,
    maxInvoiceMs: 300_000,
    graceMs: 50_000,
    exposureLimit: 1000n * milli * scale,
    firstCreditLimits: { perPrefixPerHour: 3, perDay: 1000n * milli * scale },
    exchange: { dueSum: 500n * milli * scale, maxAgeMs: 20_000, maxItems: 1024 },
    feeLimit: 3000,
    unprovedRefusals: 1000n * milli * scale,
    pace: { minInvoiceMs: 500, maxInvoiceMs: 300_000, maxInvoiceAmount: 3n * milli * scale },
    restoreJump: 100n * milli * scale,
    ...changes,
  }
}
