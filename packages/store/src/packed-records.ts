/**
 * Records on their way to another thread, in few pieces: a thousand small objects take six times as long.
 *
 * @module
 */

import { assert, concatBytes } from '@myst/protocol'
import type { LedgerRecord } from './ledger-store.ts'

export interface PackedRecords {
  /** One of each record, joined by a character that stands in none. */
  readonly tables: string
  readonly keys: string
  readonly lengths: Uint32Array<ArrayBuffer>
  readonly values: Uint8Array<ArrayBuffer>
}

const separator = '\n'

export const packRecords = (records: readonly LedgerRecord[]): PackedRecords => ({
  tables: records.map(({ table }) => table).join(separator),
  keys: records.map(({ key }) => key).join(separator),
  lengths: Uint32Array.from(records, ({ value }) => value.length),
  values: concatBytes(...records.map(({ value }) => value)),
})

export function unpackRecords({ tables, keys, lengths, values }: PackedRecords): LedgerRecord[] {
  const [table, key] = [tables.split(separator), keys.split(separator)]
  assert(
    lengths.length === 0 || (table.length === lengths.length && key.length === lengths.length),
    'no name has a line break',
  )
  let end = 0
  return Array.from(lengths, (length, at) => {
    end += length
    return { table: table[at] as string, key: key[at] as string, value: values.subarray(end - length, end) }
  })
}
