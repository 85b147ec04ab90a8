/**
 * The node's two clocks.
 *
 * @module
 */

import { uptime } from 'node:os'

export interface Clock {
  /** Wall clock, ms since 1970: for what is compared with other machines. It may jump. */
  nowMs(): number
  /** Since an arbitrary start, counting suspended time and never jumping: for what is billed. */
  elapsedMs(): number
}

export const systemClock: Clock = {
  nowMs: Date.now,
  // os.uptime reads CLOCK_BOOTTIME where there is one; process.hrtime stands still while the machine sleeps.
  elapsedMs: () => Math.trunc(uptime() * 1000),
}
