/**
 * Asks a program of the accountant's, which has the store and the operator's key.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { Fault } from '@myst/api'
import { programPath } from './start-program.ts'

export interface LedgerAnswer {
  readonly file: string
  /** How many groups of answers are in it. */
  readonly entries: number
}

/** @throws Fault, the program's. */
export const askLedger = (
  configPath: string,
  what: 'backup' | 'restore' | 'move',
  file: string,
): Promise<LedgerAnswer> => askProgram('accountant-ledger', configPath, what, file)

/** @returns its one answer. @throws Fault, the program's. */
export async function askProgram<T extends object>(
  name: 'accountant-ledger' | 'accountant-bounty',
  ...args: readonly string[]
): Promise<T> {
  const child = spawn(process.execPath, [programPath(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const answer = JSON.parse((await text(child.stdout)) || '{"error":{"code":"internal","facts":{}}}') as
    | T
    | { readonly error: { readonly code: string; readonly facts: Record<string, string | number | boolean> } }
  if ('error' in answer) throw new Fault(answer.error.code, answer.error.facts)
  return answer
}
