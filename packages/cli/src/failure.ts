/**
 * How a command that failed says so: what happened, what to do about it, and the code with its facts.
 *
 * @module
 */

import { exitCodeOf, explain, Fault } from '@myst/api'
import type { Paint } from './shell.ts'

export interface Failure {
  readonly exitCode: number
  readonly json: object
  readonly text: string
}

/** 2: the command was written wrongly. */
export const usageExitCode = 2

export function failureOf(error: unknown, paint: Paint): Failure {
  if (!(error instanceof Fault)) throw error
  const { code, facts } = error
  const { what, todo } = explain(error)
  const known = Object.entries(facts).map(([name, value]) => `${name}=${value}`)
  return {
    exitCode: exitCodeOf(error),
    json: { error: { code, message: what, todo, facts } },
    text: [
      `${paint('red', 'myst:')} ${what}`,
      ...(todo === '' ? [] : [`      ${todo}`]),
      paint('dim', `      (${[code, ...known].join(' ')})`),
    ].join('\n'),
  }
}

export function usageFailure(message: string, paint: Paint): Failure {
  const what = message.replace(/^error: /, '')
  return {
    exitCode: usageExitCode,
    json: { error: { code: 'usage', message: what, todo: 'See --help.', facts: {} } },
    text: `${paint('red', 'myst:')} ${what}\n      See how it is used with --help.`,
  }
}
