/**
 * Asks the identity program, which has the keystore and its cryptography; secrets go through its stdin.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { type Address, Fault } from '@myst/api'
import { programPath } from './start-program.ts'

export type IdentityQuestion = { readonly dataDir: string } & (
  | { readonly ask: 'list' }
  | ({ readonly ask: 'create' } & Secrets)
  | ({ readonly ask: 'import'; readonly keystore: string; readonly keystorePassphrase: string } & Secrets)
  | { readonly ask: 'export'; readonly identity?: Address }
)

interface Secrets {
  readonly passphraseFile?: string
  readonly passphrase?: string
}

export interface IdentityAnswers {
  readonly list: { readonly current?: Address; readonly identities: readonly Address[] }
  readonly create: { readonly identity: Address; readonly notes: readonly string[] }
  readonly import: { readonly identity: Address; readonly notes: readonly string[] }
  readonly export: { readonly identity: Address; readonly keystore: object }
}

export async function askIdentities<Q extends IdentityQuestion>(question: Q): Promise<IdentityAnswers[Q['ask']]> {
  const child = spawn(process.execPath, [programPath('identity')], { stdio: ['pipe', 'pipe', 'inherit'] })
  // Where it ends before it has read all, its answer says why.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(question))
  const answer = JSON.parse((await text(child.stdout)) || '{"error":{"code":"internal","facts":{}}}') as
    | IdentityAnswers[Q['ask']]
    | { readonly error: { readonly code: string; readonly facts: Record<string, string | number | boolean> } }
  if ('error' in answer) throw new Fault(answer.error.code, answer.error.facts)
  return answer
}
