/**
 * Copies of databases in use.
 *
 * @module
 */

import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { Fault } from '@myst/protocol'
import type Sqlite from 'better-sqlite3'

/**
 * Copies a database that is in use, page by page between its other work (SQLite's online backup).
 *
 * @throws Fault `file-exists`, `backup-failed`; then nothing is left at `path`.
 */
export async function copyDatabase(database: Sqlite.Database, path: string): Promise<void> {
  try {
    closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600))
  } catch (cause) {
    throw backupFault(path, cause)
  }
  try {
    await database.backup(path)
  } catch (cause) {
    rmSync(path, { force: true })
    throw backupFault(path, cause)
  }
}

export function backupFault(path: string, cause: unknown, code = 'backup-failed'): Fault {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
  return new Fault(why === 'EEXIST' ? 'file-exists' : code, { path, why }, { cause })
}
