/**
 * The thread of `sqlite-ledger-thread.ts`: each message is a `Call` and is answered with an `Answer` of the same id, in order
 * but for a copy.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import { assert, Fault } from '@myst/protocol'
import type { LedgerGroup, LedgerRecord, LedgerStore, LogEntry } from './ledger-store.ts'
import { type PackedRecords, unpackRecords } from './packed-records.ts'
import { openSqliteLedgerStore } from './sqlite-ledger-store.ts'

export type Call = { readonly id: number } /** `open` is answered with whether it is a backup. */ & (
  | { readonly kind: 'open' | 'reopen' | 'take-over' | 'close' }
  | { readonly kind: 'copy'; readonly to: string }
  /** Answered with `RowsRead`: the next rows, from the first one on. */
  | { readonly kind: 'read' | 'stop-reading'; readonly what: Table }
  | ({ readonly kind: 'commit'; readonly records: PackedRecords } & Pick<
      Required<LedgerGroup>,
      'removed' | 'entry' | 'oldest'
    >)
)
type Table = 'records' | 'log'
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
let store: LedgerStore | undefined
const reading = new Map<Table, Iterator<LedgerRecord | LogEntry>>()

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
  const copied = (store?.copyTo?.(to) ?? Promise.resolve()).then(() => ({ value: undefined }), faultOf)
  port?.postMessage({ id, ...(await copied) } satisfies Answer)
}

function faultOf(cause: unknown) {
  if (!(cause instanceof Fault)) throw cause
  return { fault: { code: cause.code, facts: cause.facts, why: String((cause.cause as Error)?.message ?? '') } }
}

/** SQLite answers at once, so nothing here is a promise. */
function run(call: Exclude<Call, { kind: 'copy' }>): unknown {
  if (call.kind === 'open') {
    store = openSqliteLedgerStore(workerData as string)
    return store.isBackup
  }
  if (call.kind === 'close') return store?.close()
  assert(store !== undefined, 'it is opened first')
  switch (call.kind) {
    case 'read':
      return readSome(store, call.what)
    case 'stop-reading':
      return stopReading(call.what)
    case 'commit':
      return store.commit({ ...call, records: unpackRecords(call.records) })
    case 'reopen':
      return store.reopen()
    case 'take-over':
      return store.takeOver?.()
  }
}

function readSome(from: LedgerStore, what: Table): RowsRead {
  const iterator = reading.get(what) ?? (from[what]() as Iterable<LedgerRecord | LogEntry>)[Symbol.iterator]()
  reading.set(what, iterator)
  const rows: (LedgerRecord | LogEntry)[] = []
  for (let bytes = 0; bytes < readBytes; ) {
    const { value, done } = iterator.next()
    if (done) {
      reading.delete(what)
      return { rows, isOver: true }
    }
    rows.push(value)
    bytes += 'value' in value ? value.value.length + 256 : value.body.length
  }
  return { rows, isOver: false }
}

function stopReading(what: Table): void {
  reading.get(what)?.return?.()
  reading.delete(what)
}
