/**
 * A group of commands: decided together over one draft, then answered. The ledger runs it once, a replay runs it again.
 *
 * A provider has at most one command in a group, so that no step meets an answer that is not signed yet.
 *
 * @module
 */

import { assert, type Crypto } from '@myst/protocol'
import { type Decision, recordAnswer, type SignedDecision } from './answer.ts'
import { applyCommand, type Outcome } from './apply-command.ts'
import { type LedgerCommand, subjectOf } from './commands.ts'
import type { LedgerView } from './records.ts'
import { createDraft, type Draft } from './state.ts'

export interface DecidedCommand {
  readonly command: LedgerCommand
  readonly outcome: Outcome
  /** It wrote something, so the log must have it. */
  readonly changed: boolean
}

export interface DecidedGroup {
  readonly commands: readonly DecidedCommand[]
  /** In the order of their commands. */
  readonly decisions: readonly Decision[]
  /** What it will have changed, but for the accounts of its own providers, which lack their answers till it is signed. */
  readonly draft: LedgerView
  /** Adds the signed answers. @returns the draft, whole. */
  answer(signed: SignedDecisions): Draft
}

/** What became of each decision. */
export type SignedDecisions = ReadonlyMap<Decision, SignedDecision>

export function decideGroup(view: LedgerView, crypto: Crypto, commands: readonly LedgerCommand[]): DecidedGroup {
  assert(new Set(commands.map(subjectOf)).size === commands.length, 'a provider or channel has one command in a group')
  const draft = createDraft(view)
  const decided = commands.map((command) => {
    const before = draft.puts
    const outcome = applyCommand(draft, crypto, command)
    return { command, outcome, changed: draft.puts > before || 'decision' in outcome }
  })
  const decisions = decided.flatMap(({ outcome }) => ('decision' in outcome ? [outcome.decision] : []))
  return {
    commands: decided,
    decisions,
    draft,
    answer(signed) {
      for (const decision of decisions) {
        const answer = signed.get(decision)
        assert(answer !== undefined, 'every decision is signed')
        recordAnswer(draft, decision, answer)
      }
      return draft
    },
  }
}
