/**
 * Applies an entry of the log again. It needs no key: signatures are in the log, and are part of the records that must come
 * out.
 *
 * @module
 */

import { assert, type Crypto, decodeMessage, equalBytes, Fault } from '@myst/protocol'
import type { LogEntry } from '@myst/store'
import { answerContentOf, type Decision, type SignedDecision } from './answer.ts'
import { shortHash } from './checksum.ts'
import { type LedgerCommand, ledgerCommandSchema } from './commands.ts'
import { decideGroup } from './group.ts'
import type { LogBody, LogStep } from './log.ts'
import type { LedgerState } from './state.ts'

/** @throws Fault `ledger-damaged` where its commands no longer lead to the answers that were given. */
export function replay(state: LedgerState, crypto: Crypto, entry: LogEntry, { steps }: LogBody): void {
  const decoded = steps.map((step) => ({ step, command: commandOf(entry, step) }))
  const group = decideGroup(
    state,
    crypto,
    decoded.map(({ command }) => command),
  )
  const answered = decoded.filter(({ step }) => step.answered !== undefined)
  if (answered.length !== group.decisions.length) throw damaged(entry, 'its commands do not lead to its signatures')
  const signed = new Map(
    group.decisions.map((decision, index) => [decision, signedAgain(entry, decision, answered[index]?.step)]),
  )
  state.merge(group.answer(signed))
}

const damaged = ({ sequence }: LogEntry, why: string) => new Fault('ledger-damaged', { sequence, why })

function commandOf(entry: LogEntry, { command }: LogStep): LedgerCommand {
  const decoded = decodeMessage(ledgerCommandSchema, command, command.length)
  if (decoded.ok) return decoded.value
  throw damaged(entry, JSON.stringify(decoded.refusal))
}

function signedAgain(entry: LogEntry, decision: Decision, step: LogStep | undefined): SignedDecision {
  assert(step?.answered !== undefined, 'a decision has its signatures')
  const { promise, answer, content: said } = step.answered
  const content = answerContentOf(decision, promise)
  if (!equalBytes(shortHash(content), said)) throw damaged(entry, 'its commands lead to other answers')
  return { promiseSignature: promise, answer: { content, signature: answer } }
}
