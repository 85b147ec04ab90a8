/**
 * The log of a ledger on SQLite: one file, one process, each entry one synced transaction.
 *
 * An existing file is never taken for a new one: it is made whole under another name and renamed, so an empty or foreign
 * file under this name is damage. And one that knows less than its mark has lost what was acknowledged (`newest-mark.ts`),
 * unless it is a backup and says so (`ledger-backup.ts`).
 *
 * @module
 */

import { existsSync, statSync } from 'node:fs'
import { Fault } from '@myst/protocol'
import type { Statement } from 'better-sqlite3'
import { copyDatabase } from './copy-database.ts'
import { isMarked, setMark } from './ledger-backup.ts'
import type { LogEntry, NextEntry } from './ledger-store.ts'
import { type NewestMark, openMark } from './newest-mark.ts'
import { createSqliteFile, isFull, openSqliteFile, type SqliteLayout, unopened } from './sqlite-file.ts'
import { bytesOf, holdsRecords, readRows, recordsPath, unpackRecords } from './sqlite-ledger-records.ts'

const layout: SqliteLayout = {
  version: 2,
  sql: 'CREATE TABLE log (sequence INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL) STRICT',
}
/** SQLite's default. A commit is counted in rows: here, in the pages that its entry fills. */
const pageBytes = 4096
/** 4 MiB, of which each page is written once more: bringing them into the file makes no group wait for long. */
const maxPagesInWal = 1024

export interface SqliteLedgerLog {
  entries(): Iterable<LogEntry>
  append(next: NextEntry): void
  reopen(): LogEntry | undefined
  readonly isBackup: boolean
  takeOver(): void
  copyTo(path: string): Promise<void>
  close(): void
}

/** @throws as `openSqliteLedgerStore`. */
export function openSqliteLedgerLog(path: string): SqliteLedgerLog {
  if (!existsSync(path)) createLog(path)
  let { file, statements, mark } = openFile(path)

  function close(): void {
    if (!file.database.open) return
    mark.close()
    file.database.close()
  }

  return {
    entries: () => readRows(path, () => statements.log.iterate(), entryOf),
    append({ entry, oldest }) {
      file.commit(2 + Math.ceil(entry.body.length / pageBytes), () => {
        const next = newestSequence(statements) + 1
        if (entry.sequence !== next) throw new Fault('store-fenced', { path, sequence: entry.sequence, next })
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

function createLog(path: string): void {
  if (existsSync(movedPath(path))) throw new Fault('ledger-moved', { path: movedPath(path) })
  if (existsSync(recordsPath(path))) throw new Fault('store-unreadable', { path, why: 'only its records are there' })
  createSqliteFile(path, layout)
}

function openFile(path: string) {
  if (statSync(path).size === 0) throw new Fault('store-unreadable', { path, why: 'it is empty' })
  const file = openSqliteFile(path, layout.version, undefined, maxPagesInWal)
  const { database } = file
  let mark: NewestMark | undefined
  try {
    mark = openMark(`${path}-newest`)
    const statements = {
      log: database.prepare('SELECT sequence, hash, body FROM log ORDER BY sequence'),
      newest: database.prepare('SELECT sequence, hash, body FROM log ORDER BY sequence DESC LIMIT 1'),
      newestSequence: database.prepare('SELECT max(sequence) FROM log').pluck(),
      append: database.prepare('INSERT INTO log (sequence, hash, body) VALUES (?, ?, ?)'),
      drop: database.prepare('DELETE FROM log WHERE sequence < ?'),
    }
    const newest = newestSequence(statements)
    // A backup says itself that it is behind.
    if (newest < mark.newest && !isMarked(database))
      throw new Fault('store-behind', { path, newest, acknowledged: mark.newest })
    if (holdsRecords(database)) unpackRecords(database, path)
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

const entryOf = ({ sequence, hash, body }: LogEntry): LogEntry => ({
  sequence,
  hash: bytesOf(hash),
  body: bytesOf(body),
})
