import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LedgerCopy, publishBackup, restoreBackup } from './ledger-backup.ts'
import type { LedgerChanges, LedgerStore, NextEntry } from './ledger-store.ts'
import { openSqliteLedgerStore } from './sqlite-ledger-store.ts'

let dir: string
let store: LedgerStore | undefined
const at = (name: string) => join(dir, name)
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-backup-'))
})
afterEach(async () => {
  await store?.close()
  rmSync(dir, { recursive: true })
})

const next = (sequence: number): NextEntry => ({
  entry: { sequence, hash: new Uint8Array(32), body: new Uint8Array(3000).fill(sequence) },
  oldest: 1,
})
/** What a ledger saves that stands at this entry. */
async function* recordsAt(sequence: number): AsyncGenerator<LedgerChanges> {
  const at = new Uint8Array(new Uint32Array([sequence]).buffer)
  yield { records: [{ table: 'a', key: String(sequence), value: new Uint8Array(3000).fill(sequence) }], removed: [] }
  yield { records: [{ table: 'a', key: 'newest', value: at }], removed: [] }
}
function openAt(name: string): LedgerStore {
  store = openSqliteLedgerStore(at(name))
  return store
}
const sequences = ({ log }: LedgerCopy) => [...log].map(({ sequence }) => sequence)
const none = async () => {}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    ({ code }) => code,
  )

/** A ledger of some entries, and a copy that was made while more of them came, and records with them. */
async function copyInUse(): Promise<number[]> {
  const ledger = openAt('ledger.db')
  for (let sequence = 1; sequence <= 300; sequence++) {
    await ledger.append(next(sequence))
    await ledger.save(recordsAt(sequence))
  }
  let copied = false
  const copying = ledger.copyTo?.(at('copy.part')).then(() => {
    copied = true
  })
  let sequence = 300
  while (!copied) {
    await ledger.append(next(++sequence))
    await ledger.save(recordsAt(sequence))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await copying
  // Acknowledged, and in no copy.
  await ledger.append(next(++sequence))
  let found: number[] = []
  await publishBackup(at('copy.part'), at('backup.db'), async (copy) => {
    found = sequences(copy)
    const newest = [...copy.records].find(({ key }) => key === 'newest')?.value as Uint8Array
    // The records are of one moment, and the log has all that came after.
    const stand = new DataView(newest.slice().buffer).getUint32(0, true)
    expect(stand).toBeLessThanOrEqual(found.at(-1) ?? 0)
    expect([...copy.records]).toHaveLength(stand + 1)
  })
  expect(sequence).toBeGreaterThan(301)
  return found
}

test('a copy made while it is written to is of one moment, readable by its owner alone', async () => {
  const found = await copyInUse()
  expect(found).toEqual(Array.from(found, (_, index) => index + 1))
  expect(found.length).toBeGreaterThanOrEqual(300)
  expect(statSync(at('backup.db')).mode & 0o777).toBe(0o600)
  rmSync(at('copy.part'))
  expect(readdirSync(dir).filter((name) => name.startsWith('backup') || name.startsWith('copy'))).toEqual(['backup.db'])
})

test('opened, it says that it is a backup, until it is taken over; newer marks beside it do not matter', async () => {
  const found = await copyInUse()
  await store?.close()
  for (const suffix of ['', '-wal', '-records']) rmSync(at(`ledger.db${suffix}`), { force: true })
  expect(existsSync(at('ledger.db-newest'))).toBe(true)
  writeFileSync(at('ledger.db'), readFileSync(at('backup.db')), { mode: 0o600 })
  let ledger = openAt('ledger.db')
  expect(ledger.isBackup).toBe(true)
  await ledger.close()
  ledger = openAt('ledger.db')
  expect(ledger.isBackup).toBe(true)
  await ledger.append(next(found.length + 1))
  ledger.takeOver?.()
  await ledger.close()
  ledger = openAt('ledger.db')
  expect(ledger.isBackup).toBe(false)
  expect(sequences({ records: [], log: ledger.log() as LedgerCopy['log'] })).toHaveLength(found.length + 1)
})

test('a ledger that is no backup is none', () => {
  expect(openAt('ledger.db').isBackup).toBe(false)
})

describe('never over a file that is there', () => {
  test('neither the copy', async () => {
    writeFileSync(at('copy.part'), 'mine')
    expect(await codeOf(openAt('ledger.db').copyTo?.(at('copy.part')) as Promise<void>)).toBe('file-exists')
    expect(readFileSync(at('copy.part'), 'utf8')).toBe('mine')
  })
  test('nor the backup', async () => {
    await openAt('ledger.db').copyTo?.(at('copy.part'))
    writeFileSync(at('backup.db'), 'mine')
    expect(await codeOf(publishBackup(at('copy.part'), at('backup.db'), none))).toBe('file-exists')
    expect(readFileSync(at('backup.db'), 'utf8')).toBe('mine')
  })
  test.each(['', '-wal', '-newest', '-records'])('nor, when it is put back, a ledger%s', async (suffix) => {
    await copyInUse()
    writeFileSync(at(`other.db${suffix}`), 'mine')
    expect(await codeOf(restoreBackup(at('backup.db'), at('other.db'), none))).toBe('file-exists')
    expect(readFileSync(at(`other.db${suffix}`), 'utf8')).toBe('mine')
  })
})

describe('what is not whole gets no name', () => {
  const damaged = async () => {
    throw new Error('damaged')
  }
  test('when it was copied', async () => {
    await openAt('ledger.db').copyTo?.(at('copy.part'))
    expect(await codeOf(publishBackup(at('copy.part'), at('backup.db'), damaged))).toBe('backup-failed')
    expect(existsSync(at('backup.db'))).toBe(false)
  })
  test('when it is put back, and nothing is left', async () => {
    await copyInUse()
    await expect(restoreBackup(at('backup.db'), at('other.db'), damaged)).rejects.toThrow('damaged')
    writeFileSync(at('text'), 'no database'.repeat(1000))
    expect(await codeOf(restoreBackup(at('text'), at('other.db'), none))).toBe('backup-unreadable')
    expect(await codeOf(restoreBackup(at('absent'), at('other.db'), none))).toBe('backup-unreadable')
    expect(await codeOf(restoreBackup(at('ledger.db'), at('other.db'), none))).toBe('backup-unreadable')
    expect(readdirSync(dir).filter((name) => name.startsWith('other'))).toEqual([])
  })
})

test('put back, it is the ledger, and a backup still', async () => {
  const found = await copyInUse()
  await store?.close()
  await restoreBackup(at('backup.db'), at('other.db'), none)
  const ledger = openAt('other.db')
  expect([ledger.isBackup, sequences({ records: [], log: ledger.log() as LedgerCopy['log'] })]).toEqual([true, found])
  expect(statSync(at('other.db')).mode & 0o777).toBe(0o600)
})
