/**
 * Waits for an answer, but not for ever: who asks for a picture gets the one there is.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'

/** Resolves when the task ends, and after this long at the latest; what became of it is the task's own business. */
export async function atMost(ms: number, task: Promise<unknown>): Promise<void> {
  const patience = new AbortController()
  const ended = task.then(
    () => {},
    () => {},
  )
  await Promise.race([ended, wait(ms, undefined, { signal: patience.signal }).catch(() => {})])
  patience.abort()
}
