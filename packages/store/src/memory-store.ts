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
      for (const [key, value] of tables.get(table) ?? []) yield { key, value: value.slice() }
    },
    commit(writes: readonly RecordWrite[]) {
      // Copied before anything is changed: all of it or nothing.
      const copies = writes.map(({ table, key, value }) => ({ table, key, value: value?.slice() }))
      for (const { table, key, value } of copies) {
        const records = tables.get(table) ?? new Map<string, Uint8Array>()
        if (value === undefined) records.delete(key)
        else records.set(key, value)
        tables.set(table, records)
      }
    },
    close() {},
  }
}
