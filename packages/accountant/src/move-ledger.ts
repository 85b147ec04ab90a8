/**
 * Moves a ledger from its file into PostgreSQL, while no accountant runs on it.
 *
 * The copy is one transaction of the database, and is read back and compared before anything else changes. Then the file
 * takes another name, under which no start finds it, and last the configuration names the database. A move that was ended
 * at any point is finished by the same command, and until then an accountant finds the ledger where it was, or none.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Fault } from '@myst/protocol'
import {
  type LedgerRows,
  type LedgerStore,
  movedPath,
  openPostgresLedgerStore,
  openSqliteLedgerStore,
  setMoved,
} from '@myst/store'
import { isSameStand, readStand } from './ledger/index.ts'

export interface MovePlace {
  readonly dataDir: string
  readonly configPath: string
}

/**
 * @param url of the database, which has no ledger yet.
 * @returns the number of the newest entry.
 * @throws Fault `ledger-missing`, `ledger-is-backup`, `store-in-use`, `store-not-empty`, `copy-unlike`, those of the stores.
 */
export async function moveLedger({ dataDir, configPath }: MovePlace, url: string): Promise<number> {
  const path = resolve(dataDir, 'ledger.db')
  // Under its other name: this very move was ended before its last step.
  const found = [path, movedPath(path)].find((file) => existsSync(file))
  if (found === undefined) throw new Fault('ledger-missing', { path })
  const file = openSqliteLedgerStore(found)
  let sequence: number
  try {
    if (file.isBackup === true) throw new Fault('ledger-is-backup', { path })
    const database = await openPostgresLedgerStore(url)
    try {
      sequence = await copy(file, database, found === path)
    } finally {
      await database.close()
    }
  } finally {
    await file.close()
  }
  if (found === path) setMoved(path)
  await nameInConfig(configPath, url)
  return sequence
}

async function copy(file: LedgerStore, database: LedgerStore, mayFill: boolean): Promise<number> {
  const stand = await readStand(rowsOf(file))
  try {
    if (mayFill) await database.fill?.(rowsOf(file))
  } catch (fault) {
    // A copy that is there from an earlier run is as good, if nothing was answered on either side since.
    if (!(fault instanceof Fault) || fault.code !== 'store-not-empty') throw fault
    if (!isSameStand(stand, await readStand(rowsOf(database)))) throw fault
  }
  const copied = await readStand(rowsOf(database))
  if (isSameStand(stand, copied)) return stand.head.sequence
  throw new Fault('copy-unlike', { entry: stand.head.sequence, found: copied.head.sequence })
}

const rowsOf = (store: LedgerStore): LedgerRows => ({ records: store.records(), log: store.log() })

/** Written beside, synced and renamed; readable by its owner alone, as the address may carry a password. */
async function nameInConfig(path: string, ledger: string): Promise<void> {
  const beside = `${path}.${randomUUID()}.new`
  try {
    const config = JSON.parse(await readFile(path, 'utf8')) as object
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(`${JSON.stringify({ ...config, ledger }, undefined, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    const folder = await open(dirname(path), 'r')
    await folder.sync().finally(() => folder.close())
  } catch (cause) {
    throw new Fault('config-unwritable', { path, why: (cause as NodeJS.ErrnoException).code }, { cause })
  } finally {
    await rm(beside, { force: true })
  }
}
