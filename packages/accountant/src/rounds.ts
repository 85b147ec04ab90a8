/**
 * Work that comes again and again: one round at a time, in turn with what is asked for in between.
 *
 * @module
 */

import { Fault } from '@myst/protocol'

export interface Rounds {
  /** After what is under way, before the next round. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
  /** Waits for what is under way. */
  close(): Promise<void>
}

/** A round that would begin while another is under way is left out. A fault is told, and the next round tries again. */
export function createRounds(round: () => Promise<void>, everyMs: number, onFault: (fault: Fault) => void): Rounds {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    waiting += 1
    const done = last.then(work).finally(() => {
      waiting -= 1
    })
    last = done.catch(() => {})
    return done
  }
  const timer = setInterval(() => {
    if (waiting === 0) void inTurn(() => tell(round(), onFault))
  }, everyMs)
  return {
    inTurn,
    async close() {
      clearInterval(timer)
      await last
    },
  }
}

/** A fault of the world is told; a bug goes on its way. */
export async function tell(work: Promise<unknown>, onFault: (fault: Fault) => void): Promise<void> {
  try {
    await work
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault
    onFault(fault)
  }
}

/** Items at a time between two turns of the event loop: a few hundred microseconds of work. */
const maxInTurn = 500

/** Walks long tables without keeping the ledger waiting. What changes meanwhile may be seen old or new. */
export async function* unhurried<T>(items: Iterable<T>, atOnce = maxInTurn): AsyncGenerator<readonly T[]> {
  let some: T[] = []
  for (const item of items) {
    some.push(item)
    if (some.length < atOnce) continue
    yield some
    some = []
    await new Promise((resolve) => setImmediate(resolve))
  }
  yield some
}
