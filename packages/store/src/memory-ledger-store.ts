/**
 * Ledger store in memory: for tests, simulations, and for replaying a log.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import type { LedgerKey, LedgerRecord, LedgerStore, LogEntry } from './ledger-store.ts'

/** A ledger's rows as they were once. */
export interface CopiedLedger {
  readonly records: readonly LedgerRecord[]
  readonly log: readonly LogEntry[]
}

export interface MemoryLedgerStore extends LedgerStore {
  /** Of now; what is written later changes none of it. */
  copy(): CopiedLedger
}

export function createMemoryLedgerStore(from: CopiedLedger = { records: [], log: [] }): MemoryLedgerStore {
  const records = new Map(from.records.map((record) => [nameOf(record), record]))
  const log = [...from.log]
  const newest = () => log.at(-1)
  return {
    *records() {
      for (const { table, key, value } of records.values()) yield { table, key, value: value.slice() }
    },
    *log() {
      for (const { sequence, hash, body } of log) yield { sequence, hash: hash.slice(), body: body.slice() }
    },
    append({ entry, oldest }) {
      const next = (newest()?.sequence ?? 0) + 1
      if (entry.sequence !== next) throw new Fault('store-fenced', { sequence: entry.sequence, next })
      while (log[0] !== undefined && log[0].sequence < oldest) log.shift()
      log.push({ sequence: entry.sequence, hash: entry.hash.slice(), body: entry.body.slice() })
    },
    async save(parts) {
      const copies: LedgerRecord[] = []
      const gone: LedgerKey[] = []
      // Copied before anything is changed: all of it or nothing.
      for await (const { records: changed, removed } of parts) {
        for (const { table, key, value } of changed) copies.push({ table, key, value: value.slice() })
        gone.push(...removed)
      }
      for (const record of copies) records.set(nameOf(record), record)
      for (const key of gone) records.delete(nameOf(key))
    },
    reopen: newest,
    copy: () => ({ records: [...records.values()], log: [...log] }),
    close() {},
  }
}

const nameOf = ({ table, key }: LedgerKey): string => JSON.stringify([table, key])
