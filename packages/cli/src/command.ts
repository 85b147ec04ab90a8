/**
 * How commands are written down: an action that answers, and an example under the help.
 *
 * @module
 */

import type { Command } from 'commander'
import type { Answer } from './answer.ts'
import type { Context } from './context.ts'

/** The exit code of a command that has spoken for itself; an answer is shown, and ends with 0. */
export type Outcome = Answer | number

/** Takes the arguments that the command declares; the last is its options. */
export type Action<A extends readonly unknown[]> = (context: Context, ...args: A) => Promise<Outcome>

/** Binds actions to one run of the command line. */
export type Bind = <A extends readonly unknown[]>(action: Action<A>) => (...args: unknown[]) => Promise<void>

/** A command, or a small group, enters itself into the program. */
export type Register = (program: Command, bind: Bind) => void

export const withExample = (command: Command, ...examples: readonly string[]): Command =>
  command.addHelpText(
    'after',
    `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`,
  )
