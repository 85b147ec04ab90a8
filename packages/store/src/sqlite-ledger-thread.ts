/**
 * The SQLite ledger store in two threads: whoever decides the next group does not wait for the disk to take the last, and
 * an entry on its way to the disk does not wait for records.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import { Fault } from '@myst/protocol'
import type { LedgerRecord, LedgerStore, LogEntry } from './ledger-store.ts'
import { packRecords } from './packed-records.ts'
import { copyBoth } from './sqlite-ledger-store.ts'
import type { Answer, Call, RowsRead, ThreadOf } from './sqlite-ledger-worker.ts'

/** Rows pass through; what is left of them need not stand in memory by the hundred megabytes. */
const maxYoungGenerationSizeMb = 16

/** @throws as `openSqliteLedgerStore`; any call `store-failed` once its thread is gone. */
export async function openSqliteLedgerThread(path: string): Promise<LedgerStore> {
  const log = startThread({ path, part: 'log' })
  const isBackup = await log.open()
  const records = startThread({ path, part: 'records' })
  try {
    await records.open()
  } catch (fault) {
    await log.close()
    throw fault
  }
  return {
    records: () => records.rows<LedgerRecord>(),
    log: () => log.rows<LogEntry>(),
    append: (next) => log.ask<void>({ kind: 'append', next }),
    async save(parts) {
      let isFirst = true
      for await (const { records: changed, removed } of parts) {
        const packed = packRecords(changed)
        const part = { records: packed, removed }
        await records.ask<void>({ kind: 'part', part, isFirst }, [packed.values.buffer, packed.lengths.buffer])
        isFirst = false
      }
      if (!isFirst) await records.ask<void>({ kind: 'save' })
    },
    reopen: () => log.ask<LogEntry | undefined>({ kind: 'reopen' }),
    isBackup,
    takeOver: () => log.ask<void>({ kind: 'take-over' }),
    copyTo: (target) => copyBoth(records, log, target),
    async close() {
      await Promise.all([records.close(), log.close()])
    },
  }
}

function startThread(of: ThreadOf) {
  const { path } = of
  const worker = new Worker(new URL('sqlite-ledger-worker.ts', import.meta.url), {
    workerData: of,
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

  async function* rows<T>(): AsyncGenerator<T> {
    let isOver = false
    try {
      while (!isOver) {
        const read = await ask<RowsRead>({ kind: 'read' })
        isOver = read.isOver
        yield* read.rows as readonly T[]
      }
    } finally {
      // Whoever stops in the middle must not keep the next commit waiting.
      if (!isOver) await ask({ kind: 'stop-reading' })
    }
  }

  async function close(): Promise<void> {
    if (gone === undefined) await ask({ kind: 'close' })
    await exited
  }

  return {
    ask,
    rows,
    copyTo: (to: string) => ask<void>({ kind: 'copy', to }),
    /** @returns whether it is a backup. */
    async open(): Promise<boolean> {
      try {
        return await ask<boolean>({ kind: 'open' })
      } catch (fault) {
        await close()
        throw fault
      }
    },
    close,
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never
