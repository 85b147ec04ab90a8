/**
 * What the ledger keeps of time: how much of it passed, and what each channel had revealed a month of it ago.
 *
 * @module
 */

import { field, message, optional, uint, type ValueOfSchema } from '@myst/protocol'

/** The ledger's own time: all that its processes saw pass, ms. It stands still while none runs, and never jumps. */
export const observedMs = uint(53)

export const ledgerClockSchema = message({ observedMs: field(0, observedMs) })
export type LedgerClock = ValueOfSchema<typeof ledgerClockSchema>
export const clockKey = 'all'

export const floorSchema = message({
  /** Revealed so long ago that nothing up to it is credited any more. */
  floor: field(0, uint(256)),
  /** Will be the floor, a month after it was revealed at the latest. */
  mark: optional(1, message({ amount: field(0, uint(256)), atMs: field(1, observedMs) })),
})
export type Floor = ValueOfSchema<typeof floorSchema>
