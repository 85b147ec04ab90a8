/**
 * Asks a person to agree before something is spent.
 *
 * @module
 */

import { createInterface } from 'node:readline/promises'
import { Fault } from '@myst/api'
import type { Shell } from './shell.ts'

/** @throws Fault `confirmation-missing` where nobody is there to answer. */
export async function askYes({ stdin, stderr }: Shell, question: string): Promise<boolean> {
  if (stdin.isTTY !== true) throw new Fault('confirmation-missing')
  const lines = createInterface({ input: stdin, output: stderr as NodeJS.WritableStream })
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop)
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: stopping.signal })
    return /^y(es)?$/i.test(answer.trim())
  } catch {
    // Ctrl-C, or the end of the input.
    stderr.write('\n')
    return false
  } finally {
    process.off('SIGINT', stop)
    lines.close()
  }
}
