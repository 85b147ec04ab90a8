/**
 * Copies of a ledger in one file, marked as such: what was answered after the copy is not in it, so whoever opens one must know.
 *
 * The mark is SQLite's `application_id`, in the header of the file: it survives every copy and every name.
 *
 * @module
 */

import { chmodSync, closeSync, copyFileSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs'
import { Fault } from '@myst/protocol'
import Sqlite from 'better-sqlite3'
import { backupFault } from './copy-database.ts'
import type { LedgerRecord, LogEntry } from './ledger-store.ts'
import { syncFolder } from './sqlite-file.ts'
import { packRecordsInto, recordsPath } from './sqlite-ledger-records.ts'

/** "MYBK". */
const backupMark = 0x4d59424b

export const isMarked = (database: Sqlite.Database): boolean =>
  database.pragma('application_id', { simple: true }) === backupMark

export function setMark(database: Sqlite.Database, marked: boolean): void {
  database.pragma(`application_id = ${marked ? backupMark : 0}`)
}

export interface LedgerCopy {
  readonly records: Iterable<LedgerRecord>
  readonly log: Iterable<LogEntry>
}

/**
 * Makes a copy, of log and records, a backup: in one file, marked, checked, synced, and only then under its name.
 *
 * @param check reads all of it, and throws where it is not whole.
 * @throws Fault `file-exists`, `backup-failed`, or what `check` throws; then nothing is left at `path`.
 */
export async function publishBackup(
  copied: string,
  path: string,
  check: (copy: LedgerCopy) => Promise<void>,
): Promise<void> {
  const database = new Sqlite(copied)
  try {
    database.pragma('journal_mode = DELETE')
    packRecordsInto(database, recordsPath(copied))
    setMark(database, true)
    if (database.pragma('integrity_check', { simple: true }) !== 'ok') throw new Error('it is not whole')
    await check(readLedger(database))
  } catch (cause) {
    throw cause instanceof Fault ? cause : backupFault(path, cause)
  } finally {
    database.close()
  }
  try {
    syncFile(copied)
    // A link, not a rename: it fails where there is a file.
    linkSync(copied, path)
    syncFolder(path)
  } catch (cause) {
    throw backupFault(path, cause)
  }
}

/**
 * Puts a backup where a ledger's file goes; what is there stays.
 *
 * @throws Fault `file-exists`, `backup-unreadable`.
 */
export async function restoreBackup(
  backup: string,
  path: string,
  check: (copy: LedgerCopy) => Promise<void>,
): Promise<void> {
  const there = ['', '-wal', '-newest', '-records'].map((suffix) => `${path}${suffix}`).find((file) => existsSync(file))
  if (there !== undefined) throw new Fault('file-exists', { path: there })
  const unfinished = `${path}.restoring`
  try {
    try {
      copyFileSync(backup, unfinished)
      chmodSync(unfinished, 0o600)
    } catch (cause) {
      throw backupFault(backup, cause, 'backup-unreadable')
    }
    const database = openCopy(unfinished, backup)
    try {
      if (!isMarked(database)) throw new Fault('backup-unreadable', { path: backup, why: 'it is no backup' })
      await check(readLedger(database))
    } finally {
      database.close()
    }
    syncFile(unfinished)
    linkSync(unfinished, path)
    syncFolder(path)
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${unfinished}${suffix}`, { force: true })
  }
}

function openCopy(path: string, backup: string): Sqlite.Database {
  try {
    const database = new Sqlite(path)
    database.pragma('integrity_check')
    return database
  } catch (cause) {
    throw backupFault(backup, cause, 'backup-unreadable')
  }
}

const readLedger = (database: Sqlite.Database): LedgerCopy => ({
  records: {
    [Symbol.iterator]: () =>
      database.prepare<[], LedgerRecord>('SELECT tbl AS "table", key, value FROM records').iterate(),
  },
  log: {
    [Symbol.iterator]: () =>
      database.prepare<[], LogEntry>('SELECT sequence, hash, body FROM log ORDER BY sequence').iterate(),
  },
})

function syncFile(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
