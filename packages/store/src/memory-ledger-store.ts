/**
 * Ledger store in memory: for tests, simulations, and for replaying a log.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import type { LedgerKey, LedgerRecord, LedgerStore, LogEntry } from './ledger-store.ts'

export function createMemoryLedgerStore(): LedgerStore {
  const records = new Map<string, LedgerRecord>()
  const log: LogEntry[] = []
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
    close() {},
  }
}

const nameOf = ({ table, key }: LedgerKey): string => JSON.stringify([table, key])
