/**
 * Record store in memory: for tests, and for programs that are asked to leave nothing behind.
 *
 * @module
 */

import type { RecordStore, RecordWrite } from './record-store.ts'

export function createMemoryStore(): RecordStore {
  const tables = new Map<string, Map<string, Uint8Array>>()
  return {
    *load(table) {
      for (const [key, value] of tables.get(table) ?? []) yield { key, value }
    },
    commit(writes: readonly RecordWrite[]) {
      for (const { table, key, value } of writes) {
        const records = tables.get(table) ?? new Map<string, Uint8Array>()
        if (value === undefined) records.delete(key)
        else records.set(key, value.slice())
        tables.set(table, records)
      }
    },
    close() {},
  }
}
