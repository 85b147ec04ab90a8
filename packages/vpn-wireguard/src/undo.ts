/**
 * What to undo, last first. Every step is tried, since one that fails is no reason to leave the rest standing.
 *
 * @module
 */

export interface UndoStack {
  push(step: () => unknown): void
  /** Safe to repeat; a second call waits for the first. @throws the first step's failure, after all were tried. */
  run(): Promise<void>
  readonly done: boolean
}

export function createUndoStack(): UndoStack {
  const steps: (() => unknown)[] = []
  let running: Promise<void> | undefined
  const runAll = async () => {
    const failures: unknown[] = []
    for (const step of steps.reverse())
      try {
        await step()
      } catch (failure) {
        failures.push(failure)
      }
    if (failures.length > 0) throw failures[0]
  }
  return {
    push: (step) => void steps.push(step),
    run: () => (running ??= runAll()),
    get done() {
      return running !== undefined
    },
  }
}
