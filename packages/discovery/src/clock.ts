/**
 * Time for discovery: what o'clock it is, and later.
 *
 * @module
 */

import { Fault } from '@myst/protocol'

export interface Clock {
  nowMs(): number
  /** Calls `act` once after `delayMs`, unless the returned function was called first. */
  after(delayMs: number, act: () => void): () => void
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, act) {
    const timer = setTimeout(act, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** A signal that aborts after `delayMs`, or with `signal`; `stop` when the wait is over. */
export function deadline(
  clock: Clock,
  delayMs: number,
  signal?: AbortSignal,
): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const late = (): void => controller.abort(new Fault('deadline-passed', { delayMs }))
  const told = (): void => controller.abort(signal?.reason)
  const stopTimer = clock.after(delayMs, late)
  if (signal?.aborted) told()
  signal?.addEventListener('abort', told, { once: true })
  return {
    signal: controller.signal,
    stop() {
      stopTimer()
      signal?.removeEventListener('abort', told)
    },
  }
}
