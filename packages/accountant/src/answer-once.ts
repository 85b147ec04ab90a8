/**
 * A program that answers once: one line of JSON on stdout, what it was asked for or `{error}`. Amounts are decimal strings.
 *
 * @module
 */

import { Fault } from '@myst/protocol'

export async function answerOnce(answer: () => Promise<object>): Promise<void> {
  try {
    print(await answer())
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    print({ error: { code: error.code, facts: error.facts } })
    process.exitCode = 1
  }
}

const print = (value: object) => process.stdout.write(`${JSON.stringify(value, inText)}\n`)
const inText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
