/**
 * The ledger's state in memory: every record with its checksum, and the digest of all of them.
 *
 * @module
 */

import { decodeMessage, encodeMessage, Fault, type Schema } from '@myst/protocol'
import type { LedgerKey, LedgerRecord, Rows } from '@myst/store'
import { holdsPrefix } from './channel-account.ts'
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
  readonly digest: bigint
  /** What a draft changed, as the store takes it, and the digest it leads to. Nothing is changed yet. */
  seal(draft: Draft): SealedDraft
  merge(sealed: SealedDraft): void
}

interface Held {
  readonly record: LedgerRecords[TableName]
  readonly checksum: bigint
}

export interface SealedDraft {
  readonly records: readonly LedgerRecord[]
  readonly removed: readonly LedgerKey[]
  readonly digest: bigint
  /** Absent: it was removed. */
  readonly held: readonly { readonly table: TableName; readonly key: string; readonly held?: Held }[]
}

export function createState(): LedgerState {
  const tables = Object.fromEntries(tableNames.map((name) => [name, new Map<string, Held>()])) as Record<
    TableName,
    Map<string, Held>
  >
  let digest = emptyDigest
  return {
    get digest() {
      return digest
    },
    get: <T extends TableName>(name: T, key: string) => tables[name].get(key)?.record as LedgerRecords[T] | undefined,
    *entries<T extends TableName>(name: T) {
      for (const [key, { record }] of tables[name]) yield [key, record as LedgerRecords[T]]
    },
    seal(draft) {
      const records: LedgerRecord[] = []
      const removed: LedgerKey[] = []
      const held: { table: TableName; key: string; held?: Held }[] = []
      let sum = digest
      for (const [table, key, record] of draft.changes()) {
        if (record === gone) {
          sum = replaceInDigest(sum, tables[table].get(key)?.checksum ?? 0n, 0n)
          removed.push({ table, key })
          held.push({ table, key })
          continue
        }
        const { sealed, checksum } = sealRecord(table, key, encodeMessage(schemaOf(table), record))
        sum = replaceInDigest(sum, tables[table].get(key)?.checksum ?? 0n, checksum)
        records.push({ table, key, value: sealed })
        held.push({ table, key, held: { record, checksum } })
      }
      return { records, removed, digest: sum, held }
    },
    merge(sealed) {
      for (const { table, key, held } of sealed.held) {
        if (held === undefined) tables[table].delete(key)
        else tables[table].set(key, held)
      }
      digest = sealed.digest
    },
  }
}

const tableNames = Object.keys(ledgerSchemas) as TableName[]
const schemaOf = (name: TableName) => ledgerSchemas[name] as Schema<unknown>

/** @throws Fault `ledger-damaged` where a record is not what was written, or can't be: nothing is guessed at. */
export async function loadState(rows: Rows<LedgerRecord>): Promise<LedgerState> {
  const state = createState()
  const held: HeldAt[] = []
  let digest = emptyDigest
  for await (const row of rows) {
    const opened = readRecord(row)
    held.push(opened)
    digest = replaceInDigest(digest, 0n, opened.held.checksum)
  }
  state.merge({ records: [], removed: [], digest, held })
  return state
}

interface HeldAt {
  readonly table: TableName
  readonly key: string
  readonly held: Held
}

function readRecord({ table, key, value }: LedgerRecord): HeldAt {
  const damaged = (why: string) => new Fault('ledger-damaged', { table, key, why })
  const name = tableNames.find((known) => known === table)
  if (name === undefined) throw damaged('no such table')
  const opened = openRecord(name, key, value)
  if (opened === undefined) throw damaged('its checksum is wrong')
  const decoded = decodeMessage(schemaOf(name), opened.encoded, maxRecordBytes)
  if (!decoded.ok) throw damaged(JSON.stringify(decoded.refusal))
  const record = decoded.value as LedgerRecords[TableName]
  if ('revealedSum' in record && !holdsPrefix(record)) throw damaged('more is credited than it covers')
  return { table: name, key, held: { record, checksum: opened.checksum } }
}

export interface Draft extends LedgerDraft {
  /** How often something was put or removed. */
  readonly puts: number
  changes(): Iterable<[TableName, string, LedgerRecords[TableName] | typeof gone]>
}

/** Stands in a draft where a record was removed. */
const gone = Symbol('gone')

/** Reads fall through to `base`; writes stay here until they are durable. */
export function createDraft(base: LedgerView): Draft {
  const changed = new Map<TableName, Map<string, LedgerRecords[TableName] | typeof gone>>()
  let puts = 0
  function write(name: TableName, key: string, record: LedgerRecords[TableName] | typeof gone): void {
    puts += 1
    const written = changed.get(name) ?? new Map<string, LedgerRecords[TableName] | typeof gone>()
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
    *changes() {
      for (const [name, written] of changed) {
        for (const [key, record] of written) yield [name, key, record]
      }
    },
  }
}
