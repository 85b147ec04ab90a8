/**
 * What a session costs: time and bytes, each rounded up to a base unit.
 *
 * total(t, b) = ceil(perHour · tMs / 3,600,000) + ceil(perGib · b / 2³⁰). Both sides compute it from their own counters.
 *
 * @module
 */

import { assert } from './failure.ts'

export interface Price {
  /** MYST base units an hour. */
  readonly perHour: bigint
  /** MYST base units for 2³⁰ bytes, up and down together, at the inner side of the tunnel. */
  readonly perGib: bigint
}

export interface Usage {
  /** By a clock that counts suspended time. */
  readonly durationMs: bigint
  readonly bytes: bigint
}

export const defaultPrice: Price = { perHour: 60_000_000_000_000n, perGib: 100_000_000_000_000_000n }

const hourMs = 3_600_000n
const gib = 1n << 30n

export function totalCost(price: Price, usage: Usage): bigint {
  assert(usage.durationMs >= 0n && usage.bytes >= 0n, 'usage is never negative')
  return ceilDivide(price.perHour * usage.durationMs, hourMs) + ceilDivide(price.perGib * usage.bytes, gib)
}

export const ceilDivide = (value: bigint, by: bigint): bigint => (value + by - 1n) / by
