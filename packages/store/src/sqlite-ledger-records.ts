/**
 * The records of a ledger on SQLite: a file of their own beside the log's, so that nobody who appends to the log waits for
 * them. A backup has both in one file; its records go into their own when it is opened.
 *
 * @module
 */

import { existsSync, renameSync, rmSync } from 'node:fs'
import { Fault } from '@myst/protocol'
import type { Database } from 'better-sqlite3'
import { copyDatabase } from './copy-database.ts'
import type { LedgerChanges, LedgerRecord } from './ledger-store.ts'
import { createSqliteFile, isFull, openSqliteFile, type SqliteLayout, syncFolder, unopened } from './sqlite-file.ts'

const layout: SqliteLayout = {
  version: 1,
  sql: 'CREATE TABLE records (tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID, STRICT',
}
const allRecords = 'SELECT tbl AS "table", key, value FROM records'
const putRecord = 'INSERT OR REPLACE INTO records (tbl, key, value) VALUES (?, ?, ?)'

export interface SqliteLedgerRecords {
  records(): Iterable<LedgerRecord>
  /** All parts or nothing; durable when it returns. */
  save(parts: readonly LedgerChanges[]): void
  copyTo(path: string): Promise<void>
  close(): void
}

/** Beside the log at `path`, under whichever of its names. */
export const recordsPath = (path: string): string => `${path.replace(/\.moved$/, '')}-records`

/** The log at `logPath` is open already: without a file of records there are none. @throws as `openSqliteLedgerStore`. */
export function openSqliteLedgerRecords(logPath: string): SqliteLedgerRecords {
  const path = recordsPath(logPath)
  if (!existsSync(path)) createSqliteFile(path, layout)
  let opened = openFile(path)
  /** Found no space last time: what the connection holds of it is not relied upon. */
  let wasFull = false
  const close = () => {
    if (opened.file.database.open) opened.file.database.close()
  }
  return {
    records: () =>
      readRows<LedgerRecord>(
        path,
        () => opened.records.iterate(),
        ({ table, key, value }) => ({ table, key, value: bytesOf(value) }),
      ),
    save(parts) {
      try {
        if (wasFull) {
          close()
          opened = openFile(path)
        }
        wasFull = false
        const rows = parts.reduce((sum, { records, removed }) => sum + records.length + removed.length, 0)
        opened.file.commit(rows, () => {
          for (const { records, removed } of parts) {
            for (const { table, key, value } of records) opened.put.run(table, key, value)
            for (const { table, key } of removed) opened.remove.run(table, key)
          }
        })
      } catch (fault) {
        wasFull = (fault as Fault).code === 'store-full'
        throw fault
      }
    },
    copyTo: (target) => copyDatabase(opened.file.database, target),
    close,
  }
}

function openFile(path: string) {
  // Nobody waits for this file, so each save goes into it before the next one.
  const file = openSqliteFile(path, layout.version, undefined, 1)
  try {
    return {
      file,
      records: file.database.prepare(allRecords),
      put: file.database.prepare(putRecord),
      remove: file.database.prepare('DELETE FROM records WHERE tbl = ? AND key = ?'),
    }
  } catch (cause) {
    file.database.close()
    throw isFull(cause) ? new Fault('store-full', { path }, { cause }) : unopened(path, cause)
  }
}

/** Whether the log's file has the records too: it is a backup that was not opened yet. */
export const holdsRecords = (log: Database): boolean =>
  log.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'records'").get() !== undefined

/** Of a backup, out of the log's file into their own. Ended in between, it is done again. */
export function unpackRecords(log: Database, logPath: string): void {
  const path = recordsPath(logPath)
  const unfinished = `${path}.new`
  for (const old of [unfinished, path])
    for (const suffix of ['-wal', '-shm', '']) rmSync(`${old}${suffix}`, { force: true })
  const { database } = openSqliteFile(unfinished, layout.version, layout.sql)
  try {
    copyRecords(log, database)
  } finally {
    database.close()
  }
  renameSync(unfinished, path)
  syncFolder(path)
  log.exec('DROP TABLE records')
}

/** Into the copy of a log, which becomes a backup; the copy of the records goes. */
export function packRecordsInto(log: Database, copiedRecords: string): void {
  const { database } = openSqliteFile(copiedRecords, layout.version)
  try {
    log.exec(layout.sql)
    copyRecords(database, log)
  } finally {
    database.close()
  }
  rmSync(copiedRecords)
}

function copyRecords(from: Database, to: Database): void {
  const put = to.prepare(putRecord)
  to.transaction(() => {
    for (const { table, key, value } of from.prepare<[], LedgerRecord>(allRecords).iterate()) put.run(table, key, value)
  })()
}

export function* readRows<T>(path: string, query: () => IterableIterator<unknown>, rowOf: (row: T) => T): Generator<T> {
  try {
    for (const row of query()) yield rowOf(row as T)
  } catch (cause) {
    throw new Fault('store-unreadable', { path }, { cause })
  }
}

export const bytesOf = (value: Uint8Array): Uint8Array =>
  new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
