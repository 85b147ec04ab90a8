/**
 * Ledger store on SQLite: one file, one process, each group one synced transaction.
 *
 * An existing file is never taken for a new one: it is made whole under another name and renamed, so an empty or foreign
 * file under this name is damage. And one that knows less than its mark has lost what was acknowledged (`newest-mark.ts`),
 * unless it is a backup and says so (`ledger-backup.ts`).
 *
 * @module
 */

import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { Fault } from '@myst/protocol'
import type { Statement } from 'better-sqlite3'
import { copyDatabase, isMarked, setMark } from './ledger-backup.ts'
import type { LedgerRecord, LedgerStore, LogEntry } from './ledger-store.ts'
import { type NewestMark, openMark } from './newest-mark.ts'
import { isFull, makeFolder, openSqliteFile, syncFolder, unopened } from './sqlite-file.ts'

/** Raised with every change of the layout. */
const layoutVersion = 1
const layout = `
  CREATE TABLE records (tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID, STRICT;
  CREATE TABLE log (sequence INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL) STRICT`

/**
 * @throws Fault `store-in-use`, `store-newer`, or `store-unreadable` where the file is damaged, empty or no ledger,
 * `store-behind` where it lacks entries that were acknowledged: the file or its write-ahead log was lost or cut, or it is a
 * backup; `ledger-moved` where it went into a database. Reading damaged pages later throws `store-unreadable` too.
 */
export function openSqliteLedgerStore(path: string): LedgerStore {
  if (!existsSync(path)) {
    if (existsSync(movedPath(path))) throw new Fault('ledger-moved', { path: movedPath(path) })
    createFile(path)
  }
  let { file, statements, mark } = openFile(path)

  function* rows<T>(query: () => IterableIterator<unknown>, rowOf: (row: T) => T): Generator<T> {
    try {
      for (const row of query()) yield rowOf(row as T)
    } catch (cause) {
      throw new Fault('store-unreadable', { path }, { cause })
    }
  }

  function close(): void {
    if (!file.database.open) return
    mark.close()
    file.database.close()
  }

  return {
    records: () =>
      rows<LedgerRecord>(
        () => statements.records.iterate(),
        ({ table, key, value }) => ({ table, key, value: bytesOf(value) }),
      ),
    log: () => rows<LogEntry>(() => statements.log.iterate(), entryOf),
    commit({ records, removed = [], entry, oldest }) {
      file.commit(records.length + removed.length + 2, () => {
        const next = newestSequence(statements) + 1
        if (entry.sequence !== next) throw new Fault('store-fenced', { path, sequence: entry.sequence, next })
        for (const { table, key, value } of records) statements.put.run(table, key, value)
        for (const { table, key } of removed) statements.remove.run(table, key)
        statements.append.run(entry.sequence, entry.hash, entry.body)
        statements.drop.run(oldest)
      })
      mark.write(entry.sequence)
    },
    reopen() {
      close()
      ;({ file, statements, mark } = openFile(path))
      const newest = statements.newest.get() as LogEntry | undefined
      return newest === undefined ? undefined : entryOf(newest)
    },
    get isBackup() {
      return isMarked(file.database)
    },
    takeOver() {
      file.commit(1, () => setMark(file.database, false))
    },
    copyTo: (target) => copyDatabase(file.database, target),
    close,
  }
}

/** Where a ledger's file stands after all of it went into a database: no start finds it by mistake. */
export const movedPath = (path: string): string => `${path}.moved`

/** @throws Fault `store-failed` where its write-ahead log is not in it: then it is not closed. */
export function setMoved(path: string): void {
  if (existsSync(`${path}-wal`)) throw new Fault('store-failed', { path, why: 'its write-ahead log is still there' })
  renameSync(path, movedPath(path))
  syncFolder(path)
}

function createFile(path: string): void {
  const unfinished = `${path}.new`
  if (existsSync(`${path}-wal`)) throw new Fault('store-unreadable', { path, why: 'only its write-ahead log is there' })
  makeFolder(path)
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${unfinished}${suffix}`, { force: true })
  openSqliteFile(unfinished, layoutVersion, layout).database.close()
  if (existsSync(`${unfinished}-wal`)) throw new Fault('store-failed', { path, why: 'it could not be written whole' })
  renameSync(unfinished, path)
  syncFolder(path)
}

function openFile(path: string) {
  if (statSync(path).size === 0) throw new Fault('store-unreadable', { path, why: 'it is empty' })
  const file = openSqliteFile(path, layoutVersion)
  const { database } = file
  let mark: NewestMark | undefined
  try {
    mark = openMark(`${path}-newest`)
    const statements = {
      records: database.prepare('SELECT tbl AS "table", key, value FROM records'),
      log: database.prepare('SELECT sequence, hash, body FROM log ORDER BY sequence'),
      newest: database.prepare('SELECT sequence, hash, body FROM log ORDER BY sequence DESC LIMIT 1'),
      newestSequence: database.prepare('SELECT max(sequence) FROM log').pluck(),
      put: database.prepare('INSERT OR REPLACE INTO records (tbl, key, value) VALUES (?, ?, ?)'),
      remove: database.prepare('DELETE FROM records WHERE tbl = ? AND key = ?'),
      append: database.prepare('INSERT INTO log (sequence, hash, body) VALUES (?, ?, ?)'),
      drop: database.prepare('DELETE FROM log WHERE sequence < ?'),
    }
    const newest = newestSequence(statements)
    // A backup says itself that it is behind.
    if (newest < mark.newest && !isMarked(database))
      throw new Fault('store-behind', { path, newest, acknowledged: mark.newest })
    return { file, statements, mark }
  } catch (cause) {
    mark?.close()
    database.close()
    if (cause instanceof Fault) throw cause
    throw isFull(cause) ? new Fault('store-full', { path }, { cause }) : unopened(path, cause)
  }
}

const newestSequence = (statements: { readonly newestSequence: Statement }): number =>
  (statements.newestSequence.get() as number | null) ?? 0

const bytesOf = (value: Uint8Array): Uint8Array => new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
const entryOf = ({ sequence, hash, body }: LogEntry): LogEntry => ({
  sequence,
  hash: bytesOf(hash),
  body: bytesOf(body),
})
