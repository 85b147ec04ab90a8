/**
 * A thread of `sqlite-ledger-thread.ts`, for the log or for the records: each message is a `Call` and is answered with an
 * `Answer` of the same id, in order but for a copy.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import { assert, Fault } from '@myst/protocol'
import type { LedgerKey, LedgerRecord, LogEntry, NextEntry } from './ledger-store.ts'
import { type PackedRecords, unpackRecords } from './packed-records.ts'
import { openSqliteLedgerLog } from './sqlite-ledger-log.ts'
import { openSqliteLedgerRecords } from './sqlite-ledger-records.ts'

export interface ThreadOf {
  readonly path: string
  readonly part: 'log' | 'records'
}
/** Of what is saved together; nothing is done with it before `save`. */
export interface PackedPart {
  readonly records: PackedRecords
  readonly removed: readonly LedgerKey[]
}
export type Call = { readonly id: number } /** `open` is answered with whether it is a backup. */ & (
  | { readonly kind: 'open' | 'reopen' | 'take-over' | 'close' | 'save' | 'stop-reading' }
  | { readonly kind: 'copy'; readonly to: string }
  /** Answered with `RowsRead`: the next rows, from the first one on. */
  | { readonly kind: 'read' }
  | { readonly kind: 'append'; readonly next: NextEntry }
  | { readonly kind: 'part'; readonly part: PackedPart; readonly isFirst: boolean }
)
export interface RowsRead {
  readonly rows: readonly (LedgerRecord | LogEntry)[]
  readonly isOver: boolean
}
export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly fault: { readonly code: string; readonly facts: Fault['facts']; readonly why: string } }
)

/** Of bytes; a row is a few hundred of them, or a log entry of megabytes. */
const readBytes = 4 << 20

const port = parentPort
assert(port !== null, 'sqlite-ledger-worker.ts runs as a worker')
const { path, part } = workerData as ThreadOf
let log: ReturnType<typeof openSqliteLedgerLog> | undefined
let records: ReturnType<typeof openSqliteLedgerRecords> | undefined
let reading: Iterator<LedgerRecord | LogEntry> | undefined
let parts: PackedPart[] = []

port.on('message', (call: Call) => {
  if (call.kind === 'copy') return void copy(call.id, call.to)
  port.postMessage({ id: call.id, ...answerTo(call) } satisfies Answer)
  if (call.kind === 'close') port.close()
})

function answerTo(
  call: Exclude<Call, { kind: 'copy' }>,
): { value: unknown } | { fault: { code: string; facts: Fault['facts']; why: string } } {
  try {
    return { value: run(call) }
  } catch (cause) {
    return faultOf(cause)
  }
}

/** Page by page, with commits in between: so it is answered out of order. */
async function copy(id: number, to: string): Promise<void> {
  const copied = ((log ?? records)?.copyTo(to) ?? Promise.resolve()).then(() => ({ value: undefined }), faultOf)
  port?.postMessage({ id, ...(await copied) } satisfies Answer)
}

function faultOf(cause: unknown) {
  if (!(cause instanceof Fault)) throw cause
  return { fault: { code: cause.code, facts: cause.facts, why: String((cause.cause as Error)?.message ?? '') } }
}

/** SQLite answers at once, so nothing here is a promise. */
function run(call: Exclude<Call, { kind: 'copy' }>): unknown {
  switch (call.kind) {
    case 'open':
      if (part === 'log') log = openSqliteLedgerLog(path)
      else records = openSqliteLedgerRecords(path)
      return log?.isBackup
    case 'read':
      return readSome()
    case 'stop-reading':
      return stopReading()
    case 'append':
      return log?.append(call.next)
    case 'part':
      if (call.isFirst) parts = []
      parts.push(call.part)
      return
    case 'save':
      return save()
    case 'reopen':
      return log?.reopen()
    case 'take-over':
      return log?.takeOver()
    case 'close':
      return (log ?? records)?.close()
  }
}

function save(): void {
  const whole = parts.map(({ records, removed }) => ({ records: unpackRecords(records), removed }))
  parts = []
  records?.save(whole)
}

function readSome(): RowsRead {
  reading ??= (log?.entries() ?? records?.records() ?? [])[Symbol.iterator]()
  const rows: (LedgerRecord | LogEntry)[] = []
  for (let bytes = 0; bytes < readBytes; ) {
    const { value, done } = reading.next()
    if (done) {
      reading = undefined
      return { rows, isOver: true }
    }
    rows.push(value)
    bytes += 'value' in value ? value.value.length + 256 : value.body.length
  }
  return { rows, isOver: false }
}

function stopReading(): void {
  reading?.return?.()
  reading = undefined
}
