/**
 * How often, and how long, a provider that was lost is dialled again: it restarts in a tenth of a second, or it is gone.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '@myst/billing'

export interface Patience {
  /** The session was lost; one that lived long was a session, and patience begins anew. */
  lost(livedMs: number): void
  /** The next dial is ours: it goes out at once. */
  hurry(): void
  readonly isOver: boolean
  /** Until the next dial, or the end. */
  wait(signal: AbortSignal): Promise<void>
}

/** Longer than a provider's restart takes. */
const firstMs = 250
/** Waits double up to this: a provider that comes back is dialled within seconds. */
const mostMs = 4000
/** A provider that is away for longer is gone, and the connection has failed. */
const giveUpAfterMs = 60_000
/** Before that, patience and waits go on from the last loss. */
const steadyMs = 30_000

export function createPatience(clock: Clock): Patience {
  let sinceMs: number | undefined
  let waitMs = firstMs

  function begin(firstWaitMs: number): void {
    sinceMs = clock.elapsedMs()
    waitMs = firstWaitMs
  }

  return {
    lost(livedMs) {
      if (livedMs >= steadyMs || sinceMs === undefined) begin(firstMs)
    },
    hurry: () => begin(0),
    get isOver() {
      return clock.elapsedMs() - (sinceMs ?? clock.elapsedMs()) > giveUpAfterMs
    },
    async wait(signal) {
      await wait(waitMs, undefined, { signal }).catch(() => {})
      waitMs = Math.min(Math.max(2 * waitMs, firstMs), mostMs)
    },
  }
}
