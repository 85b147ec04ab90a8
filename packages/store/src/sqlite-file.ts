/**
 * A SQLite file of our own: one process, every commit synced, no failed sync taken for success.
 *
 * SQLite's automatic checkpoint swallows its errors: a failed sync of the database file would be retried, and the retry
 * can succeed without the pages that were lost. So it is off here, and `checkpoint` is a step whose failure is seen.
 *
 * @module
 */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '@myst/protocol'
import Sqlite from 'better-sqlite3'

/** After this many changed rows the write-ahead log, some 64 MiB then, is brought into the file: a page that changed often goes once. */
const maxRowsInWal = 16_384

export interface SqliteFile {
  readonly database: Sqlite.Database
  /** Runs `work` in one transaction of about so many rows. @throws Fault `store-full`, `store-failed`. */
  commit(rows: number, work: () => void): void
}

export interface SqliteLayout {
  /** Raised with every change. */
  readonly version: number
  readonly sql: string
}

/**
 * A new file, which is there whole or not at all.
 *
 * @throws Fault `store-unreadable` beside the write-ahead log of another, `store-failed`, those of `openSqliteFile`.
 */
export function createSqliteFile(path: string, { version, sql }: SqliteLayout): void {
  const unfinished = `${path}.new`
  if (existsSync(`${path}-wal`)) throw new Fault('store-unreadable', { path, why: 'only its write-ahead log is there' })
  makeFolder(path)
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${unfinished}${suffix}`, { force: true })
  openSqliteFile(unfinished, version, sql).database.close()
  if (existsSync(`${unfinished}-wal`)) throw new Fault('store-failed', { path, why: 'it could not be written whole' })
  renameSync(unfinished, path)
  syncFolder(path)
}

/**
 * @param layout makes an empty database ours; absent: the file must be ours already.
 * @param maxRows brought into the file before the next commit once they are so many.
 * @throws Fault `store-in-use` where another process holds the file, `store-newer` where a newer program wrote it,
 * `store-full`, `store-unwritable` where this user may not write it, or `store-unreadable` where it is damaged or no
 * database.
 */
export function openSqliteFile(path: string, version: number, layout?: string, maxRows = maxRowsInWal): SqliteFile {
  makeFolder(path)
  const database = open(path, version, layout)
  let failed: unknown
  let rowsInWal = 0

  function checkpoint(): void {
    try {
      database.pragma('wal_checkpoint(PASSIVE)')
      rowsInWal = 0
    } catch (cause) {
      // Without space the log just grows on; the next commit tries again.
      if (!isFull(cause)) failed = cause
    }
    if (failed !== undefined) throw new Fault('store-failed', { path }, { cause: failed })
  }

  return {
    database,
    commit(rows, work) {
      if (failed !== undefined) throw new Fault('store-failed', { path }, { cause: failed })
      if (rowsInWal >= maxRows) checkpoint()
      try {
        database.transaction(work)()
      } catch (cause) {
        if (cause instanceof Fault) throw cause
        if (isFull(cause)) throw new Fault('store-full', { path }, { cause })
        failed = cause
        throw new Fault('store-failed', { path }, { cause })
      }
      rowsInWal += rows
    },
  }
}

function open(path: string, version: number, layout?: string): Sqlite.Database {
  let database: Sqlite.Database | undefined
  try {
    database = new Sqlite(path, { timeout: 1000 })
    // One process owns the file: two accountants on one ledger would sign twice.
    database.pragma('locking_mode = EXCLUSIVE')
    const found = database.pragma('user_version', { simple: true }) as number
    if (found > version) throw new Fault('store-newer', { path, version: found, known: version })
    if (found < version && layout === undefined) {
      const why = found === 0 ? 'it is not ours' : `an older program wrote it, in layout ${found}`
      throw new Fault('store-unreadable', { path, why })
    }
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('wal_autocheckpoint = 0')
    if (found < version) database.exec(`BEGIN; ${layout}; PRAGMA user_version = ${version}; COMMIT`)
    return database
  } catch (cause) {
    database?.close()
    if (cause instanceof Fault) throw cause
    if (isFull(cause)) throw new Fault('store-full', { path }, { cause })
    throw unopened(path, cause)
  }
}

/** @throws Fault `store-unwritable`, `store-full`. */
export function makeFolder(path: string): void {
  const denied = dirname(path)
  try {
    mkdirSync(denied, { recursive: true, mode: 0o700 })
  } catch (cause) {
    if (isFull(cause)) throw new Fault('store-full', { path }, { cause })
    throw new Fault('store-unwritable', { path, why: codeOf(cause), denied }, { cause })
  }
}

/** Why a file could not be opened: its contents, another process, or the rights of this one. */
export function unopened(path: string, cause: unknown): Fault {
  if (codeOf(cause).startsWith('SQLITE_BUSY')) return new Fault('store-in-use', { path }, { cause })
  const denied = deniedPath(path)
  if (denied === undefined) return new Fault('store-unreadable', { path }, { cause })
  return new Fault('store-unwritable', { path, ...denied }, { cause })
}

/** Asked of the system: SQLite opens what it may not write for reading, and fails later, in many words. */
function deniedPath(path: string): { readonly why: string; readonly denied: string } | undefined {
  for (const file of [dirname(path), path, `${path}-wal`, `${path}-newest`]) {
    try {
      accessSync(file, constants.R_OK | constants.W_OK)
    } catch (cause) {
      const why = codeOf(cause)
      if (why !== 'ENOENT') return { why, denied: file }
    }
  }
  return undefined
}

const codeOf = (cause: unknown): string => String((cause as { code?: unknown }).code)
export const isFull = (cause: unknown): boolean => /^(SQLITE_FULL|ENOSPC)$/.test(codeOf(cause))

/** What was renamed, made or removed in this folder stays so. */
export function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
