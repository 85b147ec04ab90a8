/**
 * The SQLite ledger store in a thread of its own: whoever decides the next group does not wait for the disk to take the last.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import { Fault } from '@myst/protocol'
import type { LedgerGroup, LedgerRecord, LedgerStore, LogEntry, Rows } from './ledger-store.ts'
import { packRecords } from './packed-records.ts'
import type { Answer, Call, RowsRead } from './sqlite-ledger-worker.ts'

/** Rows pass through; what is left of them need not stand in memory by the hundred megabytes. */
const maxYoungGenerationSizeMb = 16

/** @throws as `openSqliteLedgerStore`; any call `store-failed` once the thread is gone. */
export async function openSqliteLedgerThread(path: string): Promise<LedgerStore> {
  const worker = new Worker(new URL('sqlite-ledger-worker.ts', import.meta.url), {
    workerData: path,
    resourceLimits: { maxYoungGenerationSizeMb },
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(fault: Fault): void }>()
  let lastId = 0
  let gone: Fault | undefined
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))

  worker.on('message', ({ id, ...answer }: Answer) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if ('fault' in answer) asked?.reject(new Fault(answer.fault.code, answer.fault.facts, { cause: answer.fault.why }))
    else asked?.resolve(answer.value)
  })
  const end = (cause?: Error) => {
    gone ??= new Fault('store-failed', { path, why: 'its thread ended' }, { cause })
    for (const { reject } of waiting.values()) reject(gone)
    waiting.clear()
  }
  worker.on('error', end)
  worker.on('exit', () => end())

  function ask<T>(call: WithoutId<Call>, moved: readonly ArrayBuffer[] = []): Promise<T> {
    if (gone !== undefined) return Promise.reject(gone)
    const id = ++lastId
    worker.postMessage({ ...call, id }, moved)
    return new Promise<T>((resolve, reject) =>
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject }),
    )
  }

  async function* rows<T>(what: 'records' | 'log'): AsyncGenerator<T> {
    let isOver = false
    try {
      while (!isOver) {
        const read = await ask<RowsRead>({ kind: 'read', what })
        isOver = read.isOver
        yield* read.rows as readonly T[]
      }
    } finally {
      // Whoever stops in the middle must not keep the next commit waiting.
      if (!isOver) await ask({ kind: 'stop-reading', what })
    }
  }

  async function close(): Promise<void> {
    if (gone === undefined) await ask({ kind: 'close' })
    await exited
  }

  let isBackup: boolean
  try {
    isBackup = await ask<boolean>({ kind: 'open' })
  } catch (cause) {
    await close()
    throw cause
  }
  return {
    records: (): Rows<LedgerRecord> => rows('records'),
    log: (): Rows<LogEntry> => rows('log'),
    commit({ records, removed = [], entry, oldest }: LedgerGroup) {
      const packed = packRecords(records)
      return ask<void>({ kind: 'commit', records: packed, removed, entry, oldest }, [
        packed.values.buffer,
        packed.lengths.buffer,
      ])
    },
    reopen: () => ask<LogEntry | undefined>({ kind: 'reopen' }),
    isBackup,
    takeOver: () => ask<void>({ kind: 'take-over' }),
    copyTo: (path) => ask<void>({ kind: 'copy', to: path }),
    close,
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never
