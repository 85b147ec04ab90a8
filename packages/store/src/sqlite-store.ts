/**
 * Record store on SQLite: one file, one process, every commit synced.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '@myst/protocol'
import Sqlite from 'better-sqlite3'
import type { RecordStore, RecordWrite, StoredRecord } from './record-store.ts'

/** Raised with every change of the layout; a newer file is refused, an older one would be migrated here. */
const schemaVersion = 1

/**
 * @throws Fault `store-in-use` where another process holds the file, `store-newer` where a newer program wrote it,
 * `store-unreadable` where it is damaged or no database. Reading a damaged file throws the same.
 */
export function openSqliteStore(path: string): RecordStore {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = open(path)
  const select = database.prepare<[string], StoredRecord>('SELECT key, value FROM records WHERE tbl = ?')
  const put = database.prepare('INSERT OR REPLACE INTO records (tbl, key, value) VALUES (?, ?, ?)')
  const remove = database.prepare('DELETE FROM records WHERE tbl = ? AND key = ?')
  const writeAll = database.transaction((writes: readonly RecordWrite[]) => {
    for (const { table, key, value } of writes) {
      if (value === undefined) remove.run(table, key)
      else put.run(table, key, value)
    }
  })
  let failed: unknown
  return {
    *load(table) {
      try {
        yield* select.iterate(table)
      } catch (cause) {
        throw new Fault('store-unreadable', { path }, { cause })
      }
    },
    commit(writes) {
      if (failed !== undefined) throw new Fault('store-failed', { path }, { cause: failed })
      try {
        writeAll(writes)
      } catch (cause) {
        failed = cause
        throw new Fault('store-failed', { path }, { cause })
      }
    },
    close: () => database.close(),
  }
}

function open(path: string): Sqlite.Database {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(path, { timeout: 1000 })
    // One process owns the file: two accountants on one ledger would sign twice.
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    const version = database.pragma('user_version', { simple: true }) as number
    if (version > schemaVersion) throw new Fault('store-newer', { path, version, known: schemaVersion })
    database.exec(
      `CREATE TABLE IF NOT EXISTS records (tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
       PRIMARY KEY (tbl, key)) WITHOUT ROWID, STRICT;
       PRAGMA user_version = ${schemaVersion};`,
    )
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof Fault) throw cause
    const busy = (cause as { code?: string }).code?.startsWith('SQLITE_BUSY') === true
    throw new Fault(busy ? 'store-in-use' : 'store-unreadable', { path }, { cause })
  }
}
