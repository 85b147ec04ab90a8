/**
 * A table of typed records: the schema turns each into bytes and back, so that what a disk returns is checked like
 * what a peer sends.
 *
 * @module
 */

import { decodeMessage, encodeMessage, Fault, type Schema } from '@myst/protocol'
import type { RecordStore, RecordWrite } from './record-store.ts'

export interface Table<T> {
  readonly name: string
  /** @throws Fault `record-corrupt`: a record that doesn't decode is never guessed at. */
  load(store: RecordStore): Map<string, T>
  put(key: string, value: T): RecordWrite
  remove(key: string): RecordWrite
}

/** A record may hold a whole batch. */
const maxRecordBytes = 4 << 20

export function table<T>(name: string, schema: Schema<T>): Table<T> {
  return {
    name,
    load(store) {
      const records = new Map<string, T>()
      for (const { key, value } of store.load(name)) {
        const decoded = decodeMessage(schema, new Uint8Array(value), maxRecordBytes)
        if (!decoded.ok) throw new Fault('record-corrupt', { table: name, key, why: JSON.stringify(decoded.refusal) })
        records.set(key, decoded.value)
      }
      return records
    },
    put: (key, value) => ({ table: name, key, value: encodeMessage(schema, value) }),
    remove: (key) => ({ table: name, key }),
  }
}
