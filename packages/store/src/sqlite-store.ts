/**
 * Record store on SQLite: one file, one process, every commit synced.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import type { RecordStore, StoredRecord } from './record-store.ts'
import { openSqliteFile } from './sqlite-file.ts'

/** Raised with every change of the layout; a newer file is refused, an older one would be migrated here. */
const layoutVersion = 1
const layout = `CREATE TABLE IF NOT EXISTS records
  (tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID, STRICT`

/**
 * @throws Fault `store-in-use` where another process holds the file, `store-newer` where a newer program wrote it,
 * `store-unreadable` where it is damaged or no database. Reading a damaged file throws the same.
 */
export function openSqliteStore(path: string): RecordStore {
  const { database, commit } = openSqliteFile(path, layoutVersion, layout)
  const select = database.prepare<[string], StoredRecord>('SELECT key, value FROM records WHERE tbl = ?')
  const put = database.prepare('INSERT OR REPLACE INTO records (tbl, key, value) VALUES (?, ?, ?)')
  const remove = database.prepare('DELETE FROM records WHERE tbl = ? AND key = ?')
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
        commit(writes.length, () => {
          for (const { table, key, value } of writes) {
            if (value === undefined) remove.run(table, key)
            else put.run(table, key, value)
          }
        })
      } catch (cause) {
        // Its owner holds no way back: a full disk ends it too.
        failed = cause
        throw new Fault('store-failed', { path }, { cause })
      }
    },
    close: () => database.close(),
  }
}
