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
import type { Crypto, Domain } from '@myst/protocol'
import { Fault, signRequest } from '@myst/protocol'
import { openSqliteLedgerStore, publishBackup, restoreBackup } from '@myst/store'
import { checkCopy } from './ledger/index.ts'

export interface BackupOf {
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly domain: Domain
  readonly operatorKey: Uint8Array
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
    if (!(await askRunning(crypto, of, copied))) await copyHere(of.dataDir, copied)
    await publishBackup(copied, path, async (copy) => {
      newest = await checkCopy(copy)
    })
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${copied}${suffix}`, { force: true })
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
async function askRunning(
  crypto: Crypto,
  { host, port, domain, operatorKey }: BackupOf,
  path: string,
): Promise<boolean> {
  const [method, route, body] = ['POST', '/v1/backup', new TextEncoder().encode(path)] as const
  const own = { identity: crypto.addressOf(operatorKey), privateKey: operatorKey, nowMs: Date.now() }
  const authorization = signRequest(crypto, domain, { method, path: route, body }, own)
  let response: Response
  try {
    const headers = { authorization, 'content-type': 'application/cbor' }
    const signal = AbortSignal.timeout(backupMs)
    response = await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port}${route}`, {
      method,
      headers,
      body,
      signal,
    })
  } catch (cause) {
    const { code } = ((cause as Error).cause ?? {}) as { code?: string }
    if (code === 'ECONNREFUSED') return false
    throw new Fault('backup-failed', { path, why: code ?? (cause as Error).message }, { cause })
  }
  if (response.ok) return true
  throw new Fault('backup-failed', { path, status: response.status, why: (await response.text()).slice(0, 200) })
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
