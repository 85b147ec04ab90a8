/**
 * When to try again: twice as late each time, and never all at once.
 *
 * A thousand providers lose their accountant in the same moment. Without chance they would come back in the same moments
 * too, and each wave of them would end in the next.
 *
 * @module
 */

/** Enough for a restart at first; later, long enough that a thousand are no load. */
const retryMs = { first: 500, most: 30_000 } as const

export interface RetrySpread {
  /** It failed again. @returns how long to wait. */
  failed(): number
  /** It worked: the next failure is the first. */
  worked(): void
}

/** @param random of [0, 1). */
export function createRetrySpread(random: () => number): RetrySpread {
  let waitMs: number = retryMs.first
  return {
    failed() {
      const most = waitMs
      waitMs = Math.min(2 * waitMs, retryMs.most)
      return Math.round((most * (1 + random())) / 2)
    },
    worked() {
      waitMs = retryMs.first
    },
  }
}

export const retryMostMs = retryMs.most
