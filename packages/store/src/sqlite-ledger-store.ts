/**
 * Ledger store on SQLite: one file for the log and one for the records, one process.
 *
 * @module
 */

import { existsSync, renameSync, rmSync } from 'node:fs'
import { Fault } from '@myst/protocol'
import type { LedgerChanges, LedgerStore } from './ledger-store.ts'
import { syncFolder } from './sqlite-file.ts'
import { movedPath, openSqliteLedgerLog } from './sqlite-ledger-log.ts'
import { openSqliteLedgerRecords, recordsPath } from './sqlite-ledger-records.ts'

/**
 * @throws Fault `store-in-use`, `store-newer`, or `store-unreadable` where a file is damaged, empty, of an older layout or
 * no ledger, `store-behind` where the log lacks entries that were acknowledged: the file or its write-ahead log was lost or
 * cut, or it is a backup; `ledger-moved` where it went into a database. Reading damaged pages later throws
 * `store-unreadable` too.
 */
export function openSqliteLedgerStore(path: string): LedgerStore {
  const log = openSqliteLedgerLog(path)
  let records: ReturnType<typeof openSqliteLedgerRecords>
  try {
    records = openSqliteLedgerRecords(path)
  } catch (fault) {
    log.close()
    throw fault
  }
  return {
    records: records.records,
    log: log.entries,
    append: log.append,
    async save(parts) {
      const all: LedgerChanges[] = []
      for await (const part of parts) all.push(part)
      records.save(all)
    },
    reopen: log.reopen,
    get isBackup() {
      return log.isBackup
    },
    takeOver: log.takeOver,
    copyTo: (target) => copyBoth(records, log, target),
    close() {
      records.close()
      log.close()
    },
  }
}

type Copied = { copyTo(path: string): Promise<void> }

/** The records first, so that the log has every entry after them. */
export async function copyBoth(records: Copied, log: Copied, target: string): Promise<void> {
  if (existsSync(target)) throw new Fault('file-exists', { path: target })
  await records.copyTo(recordsPath(target))
  try {
    await log.copyTo(target)
  } catch (fault) {
    rmSync(recordsPath(target), { force: true })
    throw fault
  }
}

/** @throws Fault `store-failed` where its write-ahead log is not in it: then it is not closed. */
export function setMoved(path: string): void {
  if (existsSync(`${path}-wal`)) throw new Fault('store-failed', { path, why: 'its write-ahead log is still there' })
  renameSync(path, movedPath(path))
  syncFolder(path)
}
