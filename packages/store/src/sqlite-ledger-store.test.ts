import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ledgerStoreCompliance } from '@myst/testkit'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LedgerChanges, NextEntry } from './ledger-store.ts'
import { openSqliteLedgerStore } from './sqlite-ledger-store.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-ledger-'))
  path = join(dir, 'ledger.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

ledgerStoreCompliance(
  'sqlite',
  () => {
    const own = mkdtempSync(join(tmpdir(), 'myst-ledger-'))
    return { open: () => openSqliteLedgerStore(join(own, 'a.db')), close: () => rmSync(own, { recursive: true }) }
  },
  { durable: true },
)

const next = (sequence: number): NextEntry => ({
  entry: { sequence, hash: new Uint8Array(32), body: new Uint8Array(3000).fill(sequence) },
  oldest: 1,
})

const suffixes = ['', '-wal', '-newest']

/** Appends `many` entries, and leaves the files as a process leaves them that was killed. */
function leaveKilled(many: number): void {
  const store = openSqliteLedgerStore(path)
  for (let sequence = 1; sequence <= many; sequence++) void store.append(next(sequence))
  for (const suffix of suffixes) copyFileSync(`${path}${suffix}`, `${path}.kept${suffix}`)
  void store.close()
  for (const suffix of suffixes) copyFileSync(`${path}.kept${suffix}`, `${path}${suffix}`)
}

async function saveRecords(many: number): Promise<void> {
  const store = openSqliteLedgerStore(path)
  async function* parts(): AsyncGenerator<LedgerChanges> {
    const value = new Uint8Array(2000)
    yield { records: Array.from({ length: many }, (_, at) => ({ table: 'a', key: String(at), value })), removed: [] }
  }
  await store.save(parts())
  void store.close()
}

const opening = (): unknown => {
  try {
    const store = openSqliteLedgerStore(path)
    for (const _ of store.records() as Iterable<unknown>);
    const sequences = [...(store.log() as Iterable<{ sequence: number }>)].map(({ sequence }) => sequence)
    void store.close()
    return sequences
  } catch (fault) {
    return (fault as { code?: string }).code ?? fault
  }
}

test('a killed process leaves everything to the next', () => {
  leaveKilled(5)
  expect(opening()).toEqual([1, 2, 3, 4, 5])
  expect(opening()).toEqual([1, 2, 3, 4, 5])
})

describe('refuses to take for a ledger, and leaves as it was,', () => {
  const rows: [what: string, spoil: () => void][] = [
    ['an empty file: an existing name is never a new ledger', () => writeFileSync(path, '')],
    ['what is no database', () => writeFileSync(path, 'no database at all, '.repeat(500))],
    ['a database of somebody else', () => new Sqlite(path).exec('CREATE TABLE a (b)').close()],
    ['a file cut to nothing', () => truncateSync(path, 0)],
  ]
  test.each(rows)('%s', (what, spoil) => {
    if (what.startsWith('a file')) leaveKilled(3)
    spoil()
    const before = readFileSync(path)
    expect(opening()).toBe('store-unreadable')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a new file beside the write-ahead log of another', () => {
    leaveKilled(3)
    rmSync(path)
    expect(opening()).toBe('store-unreadable')
  })

  test('a newer layout', () => {
    void openSqliteLedgerStore(path).close()
    const database = new Sqlite(path)
    database.pragma('user_version = 3')
    database.close()
    expect(opening()).toBe('store-newer')
  })

  test('an older layout, with the records and the log in one file', () => {
    const database = new Sqlite(path)
    database.exec('CREATE TABLE records (tbl, key, value); CREATE TABLE log (sequence, hash, body)')
    database.pragma('user_version = 1')
    database.close()
    const before = readFileSync(path)
    expect(opening()).toBe('store-unreadable')
    expect(() => openSqliteLedgerStore(path)).toThrow('an older program wrote it, in layout 1')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('new files beside the records of another', () => {
    leaveKilled(3)
    for (const suffix of suffixes) rmSync(`${path}${suffix}`)
    expect(opening()).toBe('store-unreadable')
  })

  test('records that are cut, or are the log', async () => {
    leaveKilled(3)
    await saveRecords(300)
    const whole = readFileSync(`${path}-records`)
    for (const spoilt of [whole.subarray(0, 4096), whole.subarray(0, 8192), new Uint8Array(), readFileSync(path)]) {
      writeFileSync(`${path}-records`, spoilt)
      expect(['store-unreadable', 'store-newer']).toContain(opening())
    }
  })
})

describe('knows that it lost what was acknowledged', () => {
  const rows: [what: string, spoil: () => void][] = [
    ['with its write-ahead log', () => rmSync(`${path}-wal`)],
    ['with all of the log that was not in the file yet', () => truncateSync(`${path}-wal`, 0)],
    ['with the end of its log', () => truncateSync(`${path}-wal`, statSync(`${path}-wal`).size - 1)],
    ['with all files', () => [path, `${path}-records`].forEach((file) => void rmSync(file))],
    ['when an older copy was put in its place', () => copyFileSync(`${path}.older`, path)],
  ]
  test.each(rows)('%s', (what, spoil) => {
    const store = openSqliteLedgerStore(path)
    void store.append(next(1))
    void store.close()
    copyFileSync(path, `${path}.older`)
    const again = openSqliteLedgerStore(path)
    for (const sequence of [2, 3]) void again.append(next(sequence))
    for (const suffix of suffixes) copyFileSync(`${path}${suffix}`, `${path}.kept${suffix}`)
    void again.close()
    for (const suffix of suffixes) copyFileSync(`${path}.kept${suffix}`, `${path}${suffix}`)
    if (/older|all files/.test(what)) rmSync(`${path}-wal`)
    spoil()
    expect(opening()).toBe('store-behind')
    // Whoever knows what it means may go on without the mark.
    rmSync(`${path}-newest`)
    expect(opening()).toEqual(expect.not.arrayContaining([3]))
  })
})

test('a file cut at any page is refused, when it is opened or when it is read', () => {
  const store = openSqliteLedgerStore(path)
  for (let sequence = 1; sequence <= 20; sequence++) void store.append(next(sequence))
  void store.close()
  const whole = readFileSync(path)
  for (let length = 4096; length < whole.length; length += 4096) {
    writeFileSync(path, whole.subarray(0, length))
    rmSync(`${path}-wal`, { force: true })
    expect(['store-unreadable', 'store-behind'], `cut to ${length} of ${whole.length}`).toContain(opening())
  }
})

test('one process owns the file', () => {
  const store = openSqliteLedgerStore(path)
  expect(opening()).toBe('store-in-use')
  void store.close()
  expect(opening()).toEqual([])
})
