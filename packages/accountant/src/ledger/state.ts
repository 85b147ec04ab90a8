/**
 * The ledger's state in memory: every record, what changed since it was last taken for a checkpoint, and the checksums of
 * what was sealed for one.
 *
 * A record is never changed, only replaced. So what was taken stays what it was, however long it takes to be written.
 *
 * @module
 */

import { decodeMessage, encodeMessage, Fault, type Schema } from '@myst/protocol'
import type { LedgerChanges, LedgerKey, LedgerRecord, Rows } from '@myst/store'
import { holdsPrefix } from './channel-account.ts'
import { type Checkpoint, checkpointTable, noCheckpoint, readCheckpoint } from './checkpoint.ts'
import { emptyDigest, openRecord, replaceInDigest, sealRecord } from './checksum.ts'
import {
  type LedgerDraft,
  type LedgerRecords,
  type LedgerView,
  ledgerSchemas,
  maxRecordBytes,
  type TableName,
} from './records.ts'

export interface LedgerState extends LedgerView {
  entries<T extends TableName>(name: T): IterableIterator<[string, LedgerRecords[T]]>
  merge(draft: Draft): void
  /** What changed since this was last asked; what changes later is not in it. */
  take(): Changes
  /** What was taken, as the store takes it, in slices of a millisecond; then `digest` stands for it. The same may be sealed again. */
  seal(changes: Changes): Generator<LedgerChanges>
  /** Of all records, as they were sealed. */
  readonly digest: bigint
}

type Change = LedgerRecords[TableName] | typeof gone
/** The newest of each record. */
export type Changes = ReadonlyMap<TableName, ReadonlyMap<string, Change>>

/** Stands where a record was removed. */
const gone = Symbol('gone')

/** A slice has no more, and ends with the record that brings it to so many bytes. */
const maxSliceRecords = 128
/** Other work has its turn between two slices: 128 large records would hold it up. */
const maxSliceBytes = 64 << 10

interface Loaded {
  readonly tables: Record<TableName, Map<string, LedgerRecords[TableName]>>
  /** Of what was sealed last. */
  readonly checksums: Record<TableName, Map<string, bigint>>
  digest: bigint
}

export function createState(
  { tables, checksums, ...loaded }: Loaded = { tables: emptyTables(), checksums: emptyTables(), digest: emptyDigest },
): LedgerState {
  let { digest } = loaded
  let dirty = new Map<TableName, Map<string, Change>>()

  function* seal(changes: Changes): Generator<LedgerChanges> {
    let records: LedgerRecord[] = []
    let removed: LedgerKey[] = []
    let bytes = 0
    for (const [table, changed] of changes) {
      for (const [key, record] of changed) {
        const before = checksums[table].get(key) ?? 0n
        if (record === gone) {
          digest = replaceInDigest(digest, before, 0n)
          checksums[table].delete(key)
          removed.push({ table, key })
        } else {
          const { sealed, checksum } = sealRecord(table, key, encodeMessage(schemaOf(table), record))
          digest = replaceInDigest(digest, before, checksum)
          checksums[table].set(key, checksum)
          records.push({ table, key, value: sealed })
          bytes += sealed.length
        }
        if (bytes < maxSliceBytes && records.length + removed.length < maxSliceRecords) continue
        yield { records, removed }
        records = []
        removed = []
        bytes = 0
      }
    }
    yield { records, removed }
  }

  return {
    get digest() {
      return digest
    },
    get: <T extends TableName>(name: T, key: string) => tables[name].get(key) as LedgerRecords[T] | undefined,
    *entries<T extends TableName>(name: T) {
      for (const [key, record] of tables[name]) yield [key, record as LedgerRecords[T]]
    },
    merge(draft) {
      for (const [table, written] of draft.changes) {
        const records = tables[table]
        const changed = dirty.get(table) ?? new Map<string, Change>()
        dirty.set(table, changed)
        // Without a pair for each: there are some hundred in a group.
        written.forEach((record, key) => {
          if (record === gone) records.delete(key)
          else records.set(key, record)
          changed.set(key, record)
        })
      }
    },
    take() {
      const taken = dirty
      dirty = new Map()
      return taken
    },
    seal,
  }
}

const tableNames = Object.keys(ledgerSchemas) as TableName[]
const emptyTables = <T>() =>
  Object.fromEntries(tableNames.map((name) => [name, new Map<string, T>()])) as Record<TableName, Map<string, T>>
const schemaOf = (name: TableName) => ledgerSchemas[name] as Schema<unknown>

export interface LoadedState {
  readonly state: LedgerState
  readonly checkpoint: Checkpoint
}

/** @throws Fault `ledger-damaged` where a record is not what was written, or can't be, or is missing: nothing is guessed at. */
export async function loadState(rows: Rows<LedgerRecord>): Promise<LoadedState> {
  const loaded: Loaded = { tables: emptyTables(), checksums: emptyTables(), digest: emptyDigest }
  let checkpoint = noCheckpoint
  for await (const row of rows) {
    if (row.table === checkpointTable) checkpoint = readCheckpoint(row)
    else readRecord(row, loaded)
  }
  const { sequence, digest } = checkpoint
  if (digest === loaded.digest) return { state: createState(loaded), checkpoint }
  throw new Fault('ledger-damaged', { sequence, why: 'the records are not those of their checkpoint' })
}

function readRecord({ table, key, value }: LedgerRecord, into: Loaded): void {
  const damaged = (why: string) => new Fault('ledger-damaged', { table, key, why })
  const name = tableNames.find((known) => known === table)
  if (name === undefined) throw damaged('no such table')
  const opened = openRecord(name, key, value)
  if (opened === undefined) throw damaged('its checksum is wrong')
  const decoded = decodeMessage(schemaOf(name), opened.encoded, maxRecordBytes)
  if (!decoded.ok) throw damaged(JSON.stringify(decoded.refusal))
  const record = decoded.value as LedgerRecords[TableName]
  if ('revealedSum' in record && !holdsPrefix(record)) throw damaged('more is credited than it covers')
  into.tables[name].set(key, record)
  into.checksums[name].set(key, opened.checksum)
  into.digest = replaceInDigest(into.digest, 0n, opened.checksum)
}

export interface Draft extends LedgerDraft {
  /** How often something was put or removed. */
  readonly puts: number
  readonly changes: Changes
}

/** Reads fall through to `base`; writes stay here until they are durable. */
export function createDraft(base: LedgerView): Draft {
  const changed = new Map<TableName, Map<string, Change>>()
  let puts = 0
  function write(name: TableName, key: string, record: Change): void {
    puts += 1
    const written = changed.get(name) ?? new Map<string, Change>()
    changed.set(name, written.set(key, record))
  }
  return {
    get puts() {
      return puts
    },
    get<T extends TableName>(name: T, key: string) {
      const written = changed.get(name)?.get(key)
      return written === gone ? undefined : ((written ?? base.get(name, key)) as LedgerRecords[T] | undefined)
    },
    put: write,
    remove: (name, key) => write(name, key, gone),
    changes: changed,
  }
}
