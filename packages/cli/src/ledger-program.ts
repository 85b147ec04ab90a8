/**
 * Asks the accountant's ledger program, which has the store and the operator's key.
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
export async function askLedger(configPath: string, what: 'backup' | 'restore', file: string): Promise<LedgerAnswer> {
  const args = [programPath('accountant-ledger'), configPath, what, file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const answer = JSON.parse((await text(child.stdout)) || '{"error":{"code":"internal","facts":{}}}') as
    | LedgerAnswer
    | { readonly error: { readonly code: string; readonly facts: Record<string, string | number | boolean> } }
  if ('error' in answer) throw new Fault(answer.error.code, answer.error.facts)
  return answer
}
