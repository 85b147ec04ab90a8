/**
 * Tells listeners that something changed; what it was, they look up themselves.
 *
 * @module
 */

export interface ChangeSignal {
  readonly changed: () => void
  /** @returns how to stop listening. */
  readonly onChange: (listener: () => void) => () => void
}

export function createChangeSignal(): ChangeSignal {
  const listeners = new Set<() => void>()
  return {
    changed() {
      for (const listener of listeners) listener()
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
