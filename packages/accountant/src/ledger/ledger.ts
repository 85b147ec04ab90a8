/**
 * The ledger: all accounts in memory, changed only by pure steps, durable before anybody hears of it.
 *
 * Steps that arrive together share one commit (group commit): each works on a draft over the steps before it, and their
 * results are handed out when the commit has returned. A commit that fails drops the drafts and stops the ledger.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import { type RecordStore, type RecordWrite, type Table, table } from '@myst/store'
import { type LedgerDraft, type LedgerRecords, type LedgerView, ledgerSchemas } from './records.ts'

type TableName = keyof LedgerRecords

export interface Ledger extends LedgerView {
  /** Runs a step; resolves with its result once what it wrote is durable. @throws Fault `ledger-stopped`. */
  apply<R>(step: (draft: LedgerDraft) => R): Promise<R>
  entries<T extends TableName>(name: T): IterableIterator<[string, LedgerRecords[T]]>
  /** False after a failed commit: reads go on, nothing is acknowledged any more. */
  readonly running: boolean
}

interface Waiting {
  run(): void
  done(): void
  failed(cause: unknown): void
}

export function openLedger(store: RecordStore): Ledger {
  const tables = Object.fromEntries(
    Object.entries(ledgerSchemas).map(([name, schema]) => [name, table(name, schema as never)]),
  ) as unknown as { [T in TableName]: Table<LedgerRecords[T]> }
  const records = Object.fromEntries(
    Object.entries(tables).map(([name, of]) => [name, (of as Table<unknown>).load(store)]),
  ) as { [T in TableName]: Map<string, LedgerRecords[T]> }

  let stopped: unknown
  let queue: Waiting[] = []
  let draft = createDraft(records)

  function flush(): void {
    const group = queue
    queue = []
    draft = createDraft(records)
    try {
      for (const waiting of group) waiting.run()
      store.commit(draft.writes(tables))
    } catch (cause) {
      stopped = cause
      for (const waiting of group) waiting.failed(cause)
      return
    }
    draft.mergeInto(records)
    for (const waiting of group) waiting.done()
  }

  return {
    get running() {
      return stopped === undefined
    },
    get: (name, key) => records[name].get(key),
    entries: (name) => records[name].entries(),
    apply(step) {
      if (stopped !== undefined) {
        return Promise.reject(new Fault('ledger-stopped', {}, { cause: stopped }))
      }
      return new Promise((resolve, reject) => {
        let result: ReturnType<typeof step>
        if (queue.length === 0) setImmediate(flush)
        queue.push({
          run: () => {
            result = step(draft)
          },
          done: () => resolve(result),
          failed: (cause) => reject(new Fault('ledger-stopped', {}, { cause })),
        })
      })
    },
  }
}

interface Draft extends LedgerDraft {
  writes(tables: { [T in TableName]: Table<LedgerRecords[T]> }): RecordWrite[]
  mergeInto(records: { [T in TableName]: Map<string, LedgerRecords[T]> }): void
}

/** Reads fall through to `base`; writes stay here until they are durable. */
export function createDraft(base: { [T in TableName]: ReadonlyMap<string, LedgerRecords[T]> }): Draft {
  const changed = new Map<TableName, Map<string, LedgerRecords[TableName]>>()
  return {
    get: <T extends TableName>(name: T, key: string) => {
      return (changed.get(name)?.get(key) ?? base[name].get(key)) as LedgerRecords[T] | undefined
    },
    put(name, key, record) {
      const written = changed.get(name) ?? new Map<string, LedgerRecords[TableName]>()
      changed.set(name, written.set(key, record))
    },
    writes: (tables) =>
      [...changed].flatMap(([name, written]) =>
        [...written].map(([key, record]) => (tables[name] as Table<unknown>).put(key, record)),
      ),
    mergeInto(records) {
      for (const [name, written] of changed) {
        const target = records[name] as Map<string, LedgerRecords[TableName]>
        for (const [key, record] of written) target.set(key, record)
      }
    },
  }
}
