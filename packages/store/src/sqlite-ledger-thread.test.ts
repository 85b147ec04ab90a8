import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ledgerStoreCompliance } from '@myst/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { publishBackup } from './ledger-backup.ts'
import type { LedgerChanges, NextEntry } from './ledger-store.ts'
import { openSqliteLedgerThread } from './sqlite-ledger-thread.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-ledger-'))
  path = join(dir, 'ledger.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

ledgerStoreCompliance(
  'sqlite in a thread',
  () => {
    const own = mkdtempSync(join(tmpdir(), 'myst-ledger-'))
    return { open: () => openSqliteLedgerThread(join(own, 'a.db')), close: () => rmSync(own, { recursive: true }) }
  },
  { durable: true },
)

const next = (sequence: number, bytes = 10): NextEntry => ({
  entry: { sequence, hash: new Uint8Array(32), body: new Uint8Array(bytes).fill(sequence) },
  oldest: 1,
})
async function* parts(...numbers: number[]): AsyncGenerator<LedgerChanges> {
  for (const part of numbers) {
    const records = Array.from({ length: 3 }, (_, at) => ({
      table: 'a',
      key: `${part}/${at}`,
      value: new Uint8Array(1 << 20).fill(at),
    }))
    yield { records, removed: [] }
  }
}

test('more rows than one message carries all come, each once; who stops reading keeps nobody waiting', async () => {
  const store = await openSqliteLedgerThread(path)
  await store.save(parts(1, 2, 3, 4))
  const keys = []
  for await (const { key, value } of store.records()) keys.push(`${key} ${value.length} ${value[0]}`)
  const expected = [1, 2, 3, 4].flatMap((sequence) => [0, 1, 2].map((at) => `${sequence}/${at} 1048576 ${at}`))
  expect(keys).toEqual(expected)
  for await (const _ of store.records()) break
  await store.save(parts(5))
  await store.close()
})

test('a fault of the file is told with its code and facts', async () => {
  writeFileSync(path, 'no database at all, '.repeat(500))
  await expect(openSqliteLedgerThread(path)).rejects.toMatchObject({ code: 'store-unreadable', facts: { path } })
})

test('after its end every call fails', async () => {
  const store = await openSqliteLedgerThread(path)
  await store.close()
  await expect(store.append(next(1))).rejects.toMatchObject({ code: 'store-failed' })
  await store.close()
})

test('copies the files while entries are appended; the copy, once marked, is a backup until it is taken over', async () => {
  const store = await openSqliteLedgerThread(path)
  expect(store.isBackup).toBe(false)
  for (let sequence = 1; sequence <= 4; sequence++) await store.append(next(sequence, 4 << 20))
  const copied = join(dir, 'copied.db')
  const copying = store.copyTo?.(copied)
  for (let sequence = 5; sequence <= 8; sequence++) await store.append(next(sequence))
  await copying
  await expect(store.copyTo?.(copied)).rejects.toMatchObject({ code: 'file-exists' })
  await publishBackup(copied, join(dir, 'backup.db'), async () => {})
  await store.close()
  const backup = await openSqliteLedgerThread(join(dir, 'backup.db'))
  expect(backup.isBackup).toBe(true)
  await backup.takeOver?.()
  await backup.close()
  const again = await openSqliteLedgerThread(join(dir, 'backup.db'))
  expect(again.isBackup).toBe(false)
  await again.close()
})

test('closed in the middle of a copy, it leaves none', async () => {
  const store = await openSqliteLedgerThread(path)
  for (let sequence = 1; sequence <= 4; sequence++) await store.append(next(sequence, 4 << 20))
  const copied = join(dir, 'copied.db')
  const copying = store.copyTo?.(copied).catch(({ code }) => code)
  await store.close()
  expect(await copying).toMatch(/backup-failed|store-failed/)
  expect([existsSync(copied), existsSync(`${copied}-records`)]).toEqual([false, false])
  const again = await openSqliteLedgerThread(path)
  await again.append(next(5))
  await again.close()
})
