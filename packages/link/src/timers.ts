/**
 * Time for links: the port that request timeouts, handshakes and partings wait on.
 *
 * A simulation passes its own, so that a minute of timeouts takes a millisecond.
 *
 * @module
 */

export interface Timers {
  /** Calls `act` once after `delayMs`, unless the returned function was called first. */
  after(delayMs: number, act: () => void): () => void
}

/** The machine's clock. All of a link's timers are stopped when it closes. */
export const systemTimers: Timers = {
  after(delayMs, act) {
    const timer = setTimeout(act, delayMs)
    return () => clearTimeout(timer)
  },
}
