/**
 * Prices for what is counted in pieces: requests, messages, pages.
 *
 * The payment rules meter time and bytes. A piece rides on the clock, one to a millisecond: bytes have a leeway of megabytes
 * between two counters, time has none.
 *
 * @module
 */

import type { Price, Usage } from '@myst/protocol'

const hourMs = 3_600_000n

/** @param amount base units for one piece. */
export const pricePerUnit = (amount: bigint): Price => ({ perHour: amount * hourMs, perGib: 0n })

export const unitsUsed = (units: bigint): Usage => ({ durationMs: units, bytes: 0n })
