/**
 * What the ledger remembers of having lost its newest records.
 *
 * @module
 */

import { field, flag, message, oneOf, uint, type ValueOfSchema } from '@myst/protocol'

/** A marked backup was opened; the operator said so; the chain, or a provider, shows a promise that is not known. */
export const recoveryReasons = ['backup', 'operator', 'chain', 'provider'] as const

export const recoverySchema = message({
  startedAtMs: field(0, uint(53)),
  reason: field(1, oneOf(recoveryReasons)),
  /** Channels are drawn on again. */
  ended: field(2, flag),
})
export type Recovery = ValueOfSchema<typeof recoverySchema>
export const recoveryKey = 'newest'

/** Of one provider: what we promised it, and can't say for which of the consumers' promises. */
export const lossSchema = message({
  unknown: field(0, uint(256)),
  /** The highest promise that the chain showed, where it was above the newest one that is known. */
  shown: field(1, uint(256)),
})
export type Loss = ValueOfSchema<typeof lossSchema>
export const noLoss: Loss = { unknown: 0n, shown: 0n }
