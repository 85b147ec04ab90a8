/**
 * The ledger: all accounts in memory, changed only by commands, durable in its log before anybody hears of it. The stored
 * records follow in the background (`checkpointer.ts`).
 *
 * Commands that wait together form a group: it is decided, signed and committed as one (group commit), and then its
 * results are handed out. While one group is committed the next one is decided on top of it and signed, and a third one
 * gathers. A group that fails leaves nothing, and takes with it what was decided on top of it: where no disk was involved,
 * or the disk was full, the ledger goes on when it can; after any other failure only a restart helps, and till then it can
 * be read.
 *
 * @module
 */

import { type Crypto, encodeMessage, equalBytes, Fault } from '@myst/protocol'
import type { LedgerStore } from '@myst/store'
import type { SignDecisions, SignedDecision } from './answer.ts'
import type { LedgerResults } from './apply-command.ts'
import { emptyLog } from './checkpoint.ts'
import { createCheckpointer } from './checkpointer.ts'
import { shortHash } from './checksum.ts'
import { createCommandQueue, type WaitingCommand } from './command-queue.ts'
import { type CommandOf, type LedgerCommand, ledgerCommandSchema, subjectOf } from './commands.ts'
import { type DecidedCommand, type DecidedGroup, decideGroup, type SignedDecisions } from './group.ts'
import { loadLedger, rowsOf } from './load-ledger.ts'
import type { LogStep, LogTail } from './log.ts'
import type { LedgerRecords, LedgerView, TableName } from './records.ts'

export interface Ledger extends LedgerView {
  /**
   * Resolves with the result once it is durable.
   *
   * @throws Fault `ledger-busy`; `ledger-stopped` where the group could not be made durable: nothing of it was kept, and
   * nothing is acknowledged until the disk has space again, or until a restart; `signing-failed`: nothing was kept.
   */
  apply<K extends LedgerCommand['kind']>(command: CommandOf<K>): Promise<LedgerResults[K]>
  entries<T extends TableName>(name: T): IterableIterator<[string, LedgerRecords[T]]>
  /** False while nothing is acknowledged. Reads go on. */
  readonly running: boolean
  /** What a start would apply anew. */
  readonly tail: LogTail
  /** Waits for what is under way, brings the records up to date where the store takes them, and closes it. */
  close(): Promise<void>
}

export interface LedgerDeps {
  readonly store: LedgerStore
  readonly crypto: Crypto
  readonly sign: SignDecisions
}

export interface LedgerOptions {
  /** The log keeps about so much; older entries are dropped, and with them the replay from empty. */
  readonly maxLogBytes?: number
  /** The records follow when the log has grown by so much. */
  readonly checkpointBytes?: number
  /** Told of the bytes of each entry that is applied anew. */
  onReplayed?(bytes: number): void
}

/** About three million promises; a start reads it in a few seconds. */
const maxLogBytes = 1 << 30
/** About a hundred thousand promises; a start applies them anew in three or four seconds. */
const checkpointBytes = 32 << 20
/** More waiting commands than this are turned away at once: a second's work. */
const maxWaiting = 4096
/** One is committed while the next one is signed. */
const maxFlights = 2

/** A group that is decided and not durable yet. */
interface Flight {
  readonly group: DecidedGroup
  /** With why it failed; undefined: it is durable, and in the state. */
  readonly landed: Promise<Fault | undefined>
}

/** @throws Fault `ledger-damaged` where the records or the log are not what was written. */
export async function openLedger(deps: LedgerDeps, options: LedgerOptions = {}): Promise<Ledger> {
  const { store, crypto, sign } = deps
  const { state, log } = await loadLedger(rowsOf(store), crypto, options.maxLogBytes ?? maxLogBytes, options.onReplayed)
  /** Why nothing is acknowledged; what was caused by a full disk may pass. */
  let stopped: { readonly cause: unknown; readonly full: boolean } | undefined
  const queue = createCommandQueue(maxWaiting)
  let flights: Flight[] = []
  let underway: Promise<void> | undefined
  const checkpointer = createCheckpointer(
    { state, log, store, onFailed: stop },
    options.checkpointBytes ?? checkpointBytes,
  )

  async function flyAll(): Promise<void> {
    while (queue.length > 0 || flights.length > 0) {
      // Whoever arrives in this turn of the event loop shares the group.
      await new Promise((resolve) => setImmediate(resolve))
      if (flights.length === maxFlights) await landOldest()
      const waiting = queue.nextGroup(new Set(flights.flatMap(({ group }) => group.commands.map(subjectOfDecided))))
      if (waiting.length > 0) await launchOrReject(waiting)
      else await landOldest()
    }
    underway = undefined
  }

  /** What was decided on top of a group that failed fails with it, so that all of it is over before the next one. */
  async function landOldest(): Promise<void> {
    const failed = await flights.shift()?.landed
    if (failed === undefined) return
    await Promise.all(flights.map(({ landed }) => landed))
    flights = []
  }

  async function launchOrReject(waiting: readonly WaitingCommand[]): Promise<void> {
    try {
      await requireRunning()
      flights.push(launch(waiting, flights.at(-1)))
    } catch (fault) {
      for (const { reject } of waiting) reject(fault as Fault)
    }
  }

  /** @throws Fault where it can't even be decided. */
  function launch(waiting: readonly WaitingCommand[], previous: Flight | undefined): Flight {
    /** Till it has landed; then the state holds what it said, and nobody holds it. */
    let before = previous
    const view: LedgerView = { get: (table, key) => (before?.group.draft ?? state).get(table, key) }
    const group = decide(
      view,
      waiting.map(({ command }) => command),
    )

    async function land(): Promise<void> {
      const signed = await signAll(group)
      const failed = await before?.landed
      before = undefined
      if (failed !== undefined) throw failed
      await commit(group, signed)
      const results = resultsOf(group, signed)
      for (const [index, { resolve }] of waiting.entries()) resolve(results[index] as never)
    }
    const landed = land().then(
      () => undefined,
      (fault: Fault) => {
        for (const { reject } of waiting) reject(fault)
        return fault
      },
    )
    return { group, landed }
  }

  function decide(view: LedgerView, commands: readonly LedgerCommand[]): DecidedGroup {
    try {
      return decideGroup(view, crypto, commands)
    } catch (cause) {
      throw stop(cause)
    }
  }

  async function signAll({ decisions }: DecidedGroup): Promise<SignedDecisions> {
    if (decisions.length === 0) return new Map()
    try {
      const signed = await sign(decisions)
      return new Map(decisions.map((decision, index) => [decision, signed[index] as SignedDecision]))
    } catch (cause) {
      throw new Fault('signing-failed', {}, { cause })
    }
  }

  async function commit(group: DecidedGroup, signed: SignedDecisions): Promise<void> {
    try {
      const draft = group.answer(signed)
      if (draft.puts === 0) return
      const next = log.next(stepsOf(group, signed))
      await store.append(next)
      // Stopped meanwhile, by records that could not be written: nothing is acknowledged any more.
      if (stopped !== undefined) throw stopped.cause
      state.merge(draft)
      log.append(next)
      checkpointer.follow()
    } catch (cause) {
      throw stop(cause)
    }
  }

  function stop(cause: unknown): Fault {
    stopped = { cause, full: cause instanceof Fault && cause.code === 'store-full' }
    return stoppedBy(cause)
  }

  /** After a full disk: goes on where the disk has space and holds exactly what memory holds. */
  async function requireRunning(): Promise<void> {
    const before = stopped
    if (before === undefined) return
    if (!before.full) throw stoppedBy(before.cause)
    try {
      const newest = (await store.reopen()) ?? emptyLog
      const same = newest.sequence === log.head.sequence && equalBytes(newest.hash, log.head.hash)
      if (!same) throw new Fault('store-failed', { newest: newest.sequence, expected: log.head.sequence })
    } catch (cause) {
      throw stop(cause)
    }
    // The records may have stopped it for good meanwhile.
    if (stopped !== before) throw stoppedBy(stopped?.cause)
    stopped = undefined
  }

  return {
    get running() {
      return stopped === undefined
    },
    get tail() {
      return log.tail
    },
    get: state.get,
    entries: state.entries,
    apply<K extends LedgerCommand['kind']>(command: CommandOf<K>) {
      if (stopped !== undefined && !stopped.full) return Promise.reject(stoppedBy(stopped.cause))
      return new Promise<LedgerResults[K]>((resolve, reject) => {
        queue.add({ command, resolve: resolve as WaitingCommand['resolve'], reject })
        underway ??= flyAll()
      })
    },
    async close() {
      await underway
      if (stopped === undefined || stopped.full) await checkpointer.finish()
      await store.close()
    },
  }
}

const subjectOfDecided = ({ command }: DecidedCommand): string => subjectOf(command)

function stoppedBy(cause: unknown): Fault {
  return new Fault('ledger-stopped', { why: cause instanceof Fault ? cause.code : 'bug' }, { cause })
}

/** What the log keeps: every command that changed something, with the signatures it led to. */
function stepsOf({ commands }: DecidedGroup, signed: SignedDecisions): LogStep[] {
  return commands.flatMap(({ command, outcome, changed }) => {
    if (!changed) return []
    const encoded = encodeMessage(ledgerCommandSchema, command)
    if (!('decision' in outcome)) return [{ command: encoded }]
    const { promiseSignature, answer } = signed.get(outcome.decision) as SignedDecision
    const content = shortHash(answer.content)
    return [{ command: encoded, answered: { promise: promiseSignature, answer: answer.signature, content } }]
  })
}

function resultsOf({ commands }: DecidedGroup, signed: SignedDecisions): unknown[] {
  return commands.map(({ outcome }) => {
    if ('result' in outcome) return outcome.result
    return { kind: 'answered', answer: signed.get(outcome.decision)?.answer }
  })
}
