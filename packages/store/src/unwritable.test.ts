/**
 * Bad input 75: a ledger's file, its folder or the mark beside it that may not be written, on a full disk, held by another
 * process. Each is refused at the start, in its own words, and nothing is changed.
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteLedgerStore } from './sqlite-ledger-store.ts'

/** The rights of files are no hurdle for root, so what opens them is somebody else. */
const isRoot = process.getuid?.() === 0
const nobody = 65_534
const subject = join(import.meta.dirname, 'sqlite-ledger-store.ts')
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-unwritable-'))
  chmodSync(dir, 0o755)
  mkdirSync(join(dir, 'data'), { mode: 0o700 })
  const store = openSqliteLedgerStore(join(dir, 'data/ledger.db'))
  const entry = { sequence: 1, hash: new Uint8Array(32), body: Uint8Array.of(1) }
  store.append({ entry, oldest: 1 })
  store.close()
})
afterEach(() => rmSync(dir, { recursive: true }))

const script = (path: string) => `
  if (${isRoot}) { process.setgid(${nobody}); process.setuid(${nobody}) }
  const { openSqliteLedgerStore } = await import(${JSON.stringify(subject)})
  try { openSqliteLedgerStore(${JSON.stringify(path)}).close(); console.log('opened') }
  catch (fault) { console.log(fault.code, fault.facts.denied ?? '') }`

/** As a start of the program does, in a process of its own. @returns what it said. */
function openElsewhere(folder = join(dir, 'data')): string {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script(join(folder, 'ledger.db'))],
    {
      encoding: 'utf8',
    },
  )
  return (stdout || stderr).trim()
}

function handOver(folder: string): void {
  if (!isRoot) return
  for (const path of [folder, ...readdirSync(folder).map((name) => join(folder, name))]) chownSync(path, nobody, nobody)
}

const contents = (folder: string) =>
  readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')])

test.each([
  ['the file', 'ledger.db', 0o400],
  ['a file that may not be read either', 'ledger.db', 0o000],
  ['the folder', '.', 0o500],
  ['the mark beside it', 'ledger.db-newest', 0o400],
  ['the records', 'ledger.db-records', 0o400],
])('refuses what may not be written, and names it: %s', (_what, name, mode) => {
  const data = join(dir, 'data')
  handOver(data)
  const before = contents(data)
  const path = name === '.' ? data : join(data, name)
  const { mode: usual } = statSync(path)
  chmodSync(path, mode)
  expect(openElsewhere()).toBe(`store-unwritable ${path}`)
  chmodSync(path, usual)
  expect(contents(data)).toEqual(before)
  expect(openElsewhere()).toBe('opened')
})

test('refuses a folder that cannot be made', () => {
  chmodSync(dir, 0o555)
  expect(openElsewhere(join(dir, 'other'))).toBe(`store-unwritable ${join(dir, 'other')}`)
  chmodSync(dir, 0o755)
})

test('refuses a file that another process has open', () => {
  const held = openSqliteLedgerStore(join(dir, 'data/ledger.db'))
  handOver(join(dir, 'data'))
  expect(openElsewhere()).toBe('store-in-use')
  held.close()
})

const mountFull = () => isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]).status === 0

test('refuses a new ledger where the disk is full, and leaves none behind', (context) => {
  if (!mountFull()) return context.skip('a disk of its own needs root, and the right to mount')
  try {
    chmodSync(dir, 0o777)
    writeFileSync(join(dir, 'rest'), new Uint8Array(56 << 10))
    expect(openElsewhere(join(dir, 'data'))).toBe('store-full')
    expect(readdirSync(join(dir, 'data')).filter((name) => name === 'ledger.db')).toEqual([])
  } finally {
    spawnSync('umount', [dir])
  }
})
