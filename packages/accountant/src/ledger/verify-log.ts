/**
 * Replays the log: the same commands give the same state, byte for byte.
 *
 * From empty while the log is whole; after its oldest entries were dropped, from a backup that stands in the part that is
 * kept. It needs no key: signatures are in the log, and are part of the records that must come out.
 *
 * @module
 */

import { assert, type Crypto, decodeMessage, equalBytes, Fault } from '@myst/protocol'
import type { LedgerStore, LogEntry } from '@myst/store'
import { answerContentOf, type Decision, type SignedDecision } from './answer.ts'
import { digestToBytes } from './checksum.ts'
import { type LedgerCommand, ledgerCommandSchema } from './commands.ts'
import { decideGroup } from './group.ts'
import { type LogBody, type LogStep, loadLog, readLog } from './log.ts'
import { createState, type LedgerState, loadState } from './state.ts'

export interface VerifiedLog {
  readonly entries: number
  readonly commands: number
  /** What the replay came to. */
  readonly state: LedgerState
}

/**
 * @param backup where the replay starts; absent: from empty.
 * @throws Fault `ledger-damaged` at the first entry that does not follow, or that does not lead to the records it names;
 * `log-too-short` where entries between the start and the kept ones were dropped.
 */
export async function verifyLog(store: LedgerStore, crypto: Crypto, backup?: LedgerStore): Promise<VerifiedLog> {
  const state = backup === undefined ? createState() : await loadState(backup.records())
  const from = await loadLog(backup?.log() ?? [], 0, state.digest)
  let { head } = from
  let entries = 0
  let commands = 0
  for await (const { entry, body } of readLog(store.log())) {
    if (entry.sequence <= head.sequence) continue
    if (entry.sequence !== head.sequence + 1) {
      throw new Fault('log-too-short', { wanted: head.sequence + 1, oldest: entry.sequence })
    }
    if (!equalBytes(body.previous, head.hash)) throw damaged(entry, 'it does not follow the backup')
    replay(state, crypto, entry, body)
    head = entry
    entries += 1
    commands += body.steps.length
  }
  return { entries, commands, state }
}

const damaged = ({ sequence }: LogEntry, why: string) => new Fault('ledger-damaged', { sequence, why })

function replay(state: LedgerState, crypto: Crypto, entry: LogEntry, { steps, digest }: LogBody): void {
  const decoded = steps.map((step) => ({ step, command: commandOf(entry, step) }))
  const group = decideGroup(
    state,
    crypto,
    decoded.map(({ command }) => command),
  )
  const answered = decoded.filter(({ step }) => step.signatures !== undefined)
  if (answered.length !== group.decisions.length) throw damaged(entry, 'its commands do not lead to its signatures')
  const signed = new Map(
    group.decisions.map((decision, index) => [decision, signedAgain(decision, answered[index]?.step)]),
  )
  const sealed = state.seal(group.answer(signed))
  if (!equalBytes(digestToBytes(sealed.digest), digest)) throw damaged(entry, 'its commands lead to other records')
  state.merge(sealed)
}

function commandOf(entry: LogEntry, { command }: LogStep): LedgerCommand {
  const decoded = decodeMessage(ledgerCommandSchema, command, command.length)
  if (decoded.ok) return decoded.value
  throw damaged(entry, JSON.stringify(decoded.refusal))
}

function signedAgain(decision: Decision, step: LogStep | undefined): SignedDecision {
  assert(step?.signatures !== undefined, 'a decision has its signatures')
  const { promise, answer } = step.signatures
  return {
    promiseSignature: promise,
    answer: { content: answerContentOf(decision, promise), signature: answer },
  }
}
