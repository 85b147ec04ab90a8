/**
 * A figure of the chain that changes rarely: read now and then, and kept while the chain is away.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import type { Clock } from './clock.ts'

export interface KeptFigure<T> {
  /** The newest that is known; the first one while nothing is. */
  value(): Promise<T>
  /** It may have changed: the next look reads it. */
  expire(): void
}

/** What is announced long before it holds is soon enough known; after a failed read the old one serves, and it is read again sooner. */
const rereadMs = { known: 600_000, failed: 30_000 } as const

/** @param read throws Fault `chain-unreachable`. */
export function keepFigure<T>(
  deps: { readonly read: () => Promise<T>; readonly clock: Clock; readonly log: (line: string) => void },
  name: string,
  first: T,
): KeptFigure<T> {
  let value = first
  let dueMs = deps.clock.elapsedMs()
  return {
    async value() {
      if (deps.clock.elapsedMs() < dueMs) return value
      try {
        value = await deps.read()
        dueMs = deps.clock.elapsedMs() + rereadMs.known
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        deps.log(`${name}: ${fault.message}`)
        dueMs = deps.clock.elapsedMs() + rereadMs.failed
      }
      return value
    },
    expire() {
      dueMs = 0
    },
  }
}
