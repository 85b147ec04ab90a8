/**
 * Backing up a ledger in use, and putting a backup back.
 *
 * The accountant that runs makes the copy, as nobody else can open its file; who asked it checks the copy, marks it and
 * gives it its name. Without one that runs, the file is opened here.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Crypto, Fault } from '@myst/protocol'
import { openSqliteLedgerStore, publishBackup, recordsPath, restoreBackup } from '@myst/store'
import { askRunning, type RunningAccountant } from './ask-running.ts'
import { checkCopy } from './ledger/index.ts'

export interface BackupOf extends RunningAccountant {
  readonly dataDir: string
}

/** Copying and syncing a few GiB. */
const backupMs = 1_800_000
const ledgerPath = (dataDir: string) => resolve(dataDir, 'ledger.db')

/** @returns the number of the newest entry in it. @throws Fault `file-exists`, `backup-failed`, `ledger-damaged`. */
export async function backUpLedger(crypto: Crypto, of: BackupOf, file: string): Promise<number> {
  const path = resolve(file)
  if (existsSync(path)) throw new Fault('file-exists', { path })
  const copied = `${path}.${randomUUID()}.part`
  let newest = 0
  try {
    if (!(await copyRunning(crypto, of, copied))) await copyHere(of.dataDir, copied)
    await publishBackup(copied, path, async (copy) => {
      newest = await checkCopy(copy)
    })
  } finally {
    for (const file of [copied, recordsPath(copied)]) {
      for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${file}${suffix}`, { force: true })
    }
  }
  return newest
}

/** @returns the number of the newest entry. @throws Fault `file-exists`, `backup-unreadable`, `ledger-damaged`. */
export async function restoreLedger(dataDir: string, file: string): Promise<number> {
  let newest = 0
  await restoreBackup(resolve(file), ledgerPath(dataDir), async (copy) => {
    newest = await checkCopy(copy)
  })
  return newest
}

/** @returns false where none runs. */
async function copyRunning(crypto: Crypto, of: BackupOf, copied: string): Promise<boolean> {
  const call = {
    method: 'POST',
    path: '/v1/backup',
    body: new TextEncoder().encode(copied),
    withinMs: backupMs,
  } as const
  const failed = (why: string, cause: unknown) => new Fault('backup-failed', { path: copied, why }, { cause })
  const response = await askRunning(crypto, of, call, failed)
  if (response === undefined || response.ok) return response !== undefined
  const why = (await response.text()).slice(0, 200)
  throw new Fault('backup-failed', { path: copied, status: response.status, why })
}

async function copyHere(dataDir: string, copied: string): Promise<void> {
  if (!existsSync(ledgerPath(dataDir))) throw new Fault('backup-failed', { path: ledgerPath(dataDir), why: 'ENOENT' })
  const store = openSqliteLedgerStore(ledgerPath(dataDir))
  try {
    await store.copyTo?.(copied)
  } finally {
    await store.close()
  }
}
