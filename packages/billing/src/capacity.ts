/**
 * Capacity statements: what a consumer's channel can still promise, in its accountant's words.
 *
 * @module
 */

import { type Address, type CapacityStatement, statementLifetimeMs } from '@myst/protocol'

export type CapacityRefusal =
  | { readonly code: 'session-capacity-unproven' }
  | { readonly code: 'session-channel-closing' }
  | { readonly code: 'session-capacity-too-low' }

/** @param statement whose signature the caller has checked. @param of what it must speak of, now. */
export function refusalOf(
  statement: CapacityStatement,
  of: {
    readonly channel: Address
    readonly consumer: Address
    readonly nowMs: number
    /** Least free capacity of a channel that is served. */
    readonly leastFree: bigint
  },
): CapacityRefusal | undefined {
  const ageMs = of.nowMs - Number(statement.issuedAtMs)
  const theirs = statement.channel === of.channel && statement.consumer === of.consumer
  if (!theirs || Math.abs(ageMs) > statementLifetimeMs) return { code: 'session-capacity-unproven' }
  if (statement.exitPending) return { code: 'session-channel-closing' }
  if (statement.capacity - statement.promised < of.leastFree) return { code: 'session-capacity-too-low' }
  return undefined
}
