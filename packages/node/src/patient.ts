/**
 * Waits for an answer, but not for ever: who asks for a picture gets the one there is.
 *
 * @module
 */

/** Resolves when the task ends, and after this long at the latest; what became of it is the task's own business. */
export function atMost(ms: number, task: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(resolve, ms)
    const ended = () => {
      clearTimeout(patience)
      resolve()
    }
    task.then(ended, ended)
  })
}
