/**
 * The ledger: all accounts in memory, changed only by commands, durable before anybody hears of it.
 *
 * Commands that wait together form a group: it is decided, signed and committed as one (group commit), and then its
 * results are handed out. While one group is under way the next one gathers. A group that fails leaves nothing: where no
 * disk was involved, or the disk was full, the ledger goes on when it can; after any other failure only a restart helps,
 * and till then it can be read.
 *
 * @module
 */

import { type Crypto, encodeMessage, equalBytes, Fault } from '@myst/protocol'
import type { LedgerStore } from '@myst/store'
import type { SignDecisions, SignedDecision } from './answer.ts'
import type { LedgerResults } from './apply-command.ts'
import { type CommandOf, type LedgerCommand, ledgerCommandSchema, providerOf } from './commands.ts'
import { type DecidedGroup, decideGroup, type SignedDecisions } from './group.ts'
import { emptyLog, type LogStep, loadLog, maxGroupBytes, maxGroupCommands } from './log.ts'
import type { LedgerRecords, LedgerView, TableName } from './records.ts'
import { loadState } from './state.ts'

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
  /** Waits for what is under way, then closes the store. */
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
}

/** About three million promises; a start reads it in a few seconds. */
const maxLogBytes = 1 << 30
/** More waiting commands than this are turned away at once: a second's work. */
const maxWaiting = 4096

interface Waiting {
  readonly command: LedgerCommand
  resolve(result: LedgerResults[LedgerCommand['kind']]): void
  reject(fault: Fault): void
}

/** @throws Fault `ledger-damaged` where the records or the log are not what was written. */
export async function openLedger(deps: LedgerDeps, options: LedgerOptions = {}): Promise<Ledger> {
  const { store, crypto, sign } = deps
  const state = await loadState(store.records())
  const log = await loadLog(store.log(), options.maxLogBytes ?? maxLogBytes, state.digest)
  /** Why nothing is acknowledged; what was caused by a full disk may pass. */
  let stopped: { readonly cause: unknown; readonly full: boolean } | undefined
  let queue: Waiting[] = []
  let underway: Promise<void> | undefined

  /** In the order of arrival, a provider's next command only after its last one was answered. */
  function nextGroup(): Waiting[] {
    const providers = new Set<string>()
    const group: Waiting[] = []
    const later: Waiting[] = []
    let bytes = 0
    for (const waiting of queue) {
      const { command } = waiting
      const provider = providerOf(command)
      if (group.length === maxGroupCommands || bytes >= maxGroupBytes || providers.has(provider)) {
        later.push(waiting)
        continue
      }
      providers.add(provider)
      group.push(waiting)
      bytes += command.kind === 'exchange' ? command.content.length : 0
    }
    queue = later
    return group
  }

  async function commitAll(): Promise<void> {
    while (queue.length > 0) {
      // Whoever arrives in this turn of the event loop shares the group.
      await new Promise((resolve) => setImmediate(resolve))
      const group = nextGroup()
      try {
        const results = await commitGroup(group.map(({ command }) => command))
        for (const [index, { resolve }] of group.entries()) resolve(results[index] as never)
      } catch (cause) {
        for (const { reject } of group) reject(cause instanceof Fault ? cause : stoppedBy(cause))
      }
    }
    underway = undefined
  }

  async function commitGroup(commands: readonly LedgerCommand[]): Promise<unknown[]> {
    await requireRunning()
    let group: DecidedGroup
    try {
      group = decideGroup(state, crypto, commands)
    } catch (cause) {
      throw stop(cause)
    }
    const signed = await signAll(group)
    try {
      const draft = state.seal(group.answer(signed))
      if (draft.records.length > 0) {
        const next = log.next(stepsOf(group, signed), draft.digest)
        await store.commit({ records: draft.records, ...next })
        state.merge(draft)
        log.append(next)
      }
    } catch (cause) {
      throw stop(cause)
    }
    return resultsOf(group, signed)
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

  function stop(cause: unknown): Fault {
    stopped = { cause, full: cause instanceof Fault && cause.code === 'store-full' }
    return stoppedBy(cause)
  }

  /** After a full disk: goes on where the disk has space and holds exactly what memory holds. */
  async function requireRunning(): Promise<void> {
    if (stopped === undefined) return
    if (!stopped.full) throw stoppedBy(stopped.cause)
    try {
      const newest = (await store.reopen()) ?? emptyLog
      const same = newest.sequence === log.head.sequence && equalBytes(newest.hash, log.head.hash)
      if (!same) throw new Fault('store-failed', { newest: newest.sequence, expected: log.head.sequence })
    } catch (cause) {
      throw stop(cause)
    }
    stopped = undefined
  }

  return {
    get running() {
      return stopped === undefined
    },
    get: state.get,
    entries: state.entries,
    apply<K extends LedgerCommand['kind']>(command: CommandOf<K>) {
      if (stopped !== undefined && !stopped.full) return Promise.reject(stoppedBy(stopped.cause))
      if (queue.length >= maxWaiting) return Promise.reject(new Fault('ledger-busy', { waiting: queue.length }))
      return new Promise<LedgerResults[K]>((resolve, reject) => {
        queue.push({ command, resolve: resolve as Waiting['resolve'], reject })
        underway ??= commitAll()
      })
    },
    async close() {
      await underway
      await store.close()
    },
  }
}

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
    return [{ command: encoded, signatures: { promise: promiseSignature, answer: answer.signature } }]
  })
}

function resultsOf({ commands }: DecidedGroup, signed: SignedDecisions): unknown[] {
  return commands.map(({ outcome }) => {
    if ('result' in outcome) return outcome.result
    return { kind: 'answered', answer: signed.get(outcome.decision)?.answer }
  })
}
