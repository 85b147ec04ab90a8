import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordStoreCompliance } from '@myst/testkit'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteStore } from './sqlite-store.ts'

recordStoreCompliance(
  'sqlite',
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'myst-store-'))
    return {
      open: () => openSqliteStore(join(dir, 'a.db')),
      close: () => rmSync(dir, { recursive: true }),
    }
  },
  { durable: true },
)

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-store-'))
  path = join(dir, 'node.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

const record = (key: string) => ({ table: 'a', key, value: Uint8Array.of(1) })
const faultOf = (open: () => unknown): string => {
  try {
    open()
    return 'no fault'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

test('makes the folder it lies in, for its owner alone', () => {
  const deep = join(dir, 'a/b')
  openSqliteStore(join(deep, 'node.db')).close()
  expect(statSync(deep).mode & 0o777).toBe(0o700)
})

describe('one process owns the file', () => {
  test('a second opening in this process is refused, until the first is closed', () => {
    const store = openSqliteStore(path)
    expect(faultOf(() => openSqliteStore(path))).toBe('store-in-use')
    store.commit([record('x')])
    store.close()
    expect(faultOf(() => openSqliteStore(path).close())).toBe('no fault')
  })

  test('another process is refused', () => {
    const store = openSqliteStore(path)
    const door = join(import.meta.dirname, 'sqlite-store.ts')
    const script = `import { openSqliteStore } from ${JSON.stringify(door)}; openSqliteStore(process.argv[1])`
    const { stderr, status } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script, path], {
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain('store-in-use')
    store.close()
  })
})

describe('refuses a file that it cannot answer for', () => {
  test('of a newer program, and leaves it as it was', () => {
    openSqliteStore(path).close()
    const database = new Sqlite(path)
    database.pragma('user_version = 2')
    database.close()
    const before = readFileSync(path)
    expect(faultOf(() => openSqliteStore(path))).toBe('store-newer')
    expect(readFileSync(path)).toEqual(before)
  })

  test('that is no database', () => {
    writeFileSync(path, 'not a database, but long enough to be looked at '.repeat(100))
    expect(faultOf(() => openSqliteStore(path))).toBe('store-unreadable')
  })

  test('that is a folder', () => {
    expect(faultOf(() => openSqliteStore(dir))).toBe('store-unreadable')
  })

  test('that was cut short: what it held is never guessed at', () => {
    const store = openSqliteStore(path)
    store.commit(Array.from({ length: 2000 }, (_, index) => record(`key ${index}`)))
    store.close()
    truncateSync(path, Math.floor(statSync(path).size / 2 / 4096) * 4096)
    const outcome = faultOf(() => {
      const cut = openSqliteStore(path)
      try {
        return [...cut.load('a')]
      } finally {
        cut.close()
      }
    })
    expect(outcome).toBe('store-unreadable')
  })
})

describe('a commit that fails', () => {
  test('is the last one: what is on disk is unknown from then on', () => {
    const store = openSqliteStore(path)
    store.commit([record('x')])
    expect(faultOf(() => store.commit([{ table: 'a', key: 'y', value: 'text' as never }, record('z')]))).toBe(
      'store-failed',
    )
    expect(faultOf(() => store.commit([record('x')]))).toBe('store-failed')
    expect([...store.load('a')].map(({ key }) => key)).toEqual(['x'])
    store.close()
  })
})

describe('kill -9 in the middle of commits', () => {
  const script = join(import.meta.dirname, 'committing.fixture.ts')

  /** Lets it commit for a while, kills it, and returns what it acknowledged last. */
  async function killAfter(ms: number): Promise<number> {
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, ms))
    child.kill('SIGKILL')
    await once(child, 'close')
    const whole = output.slice(0, output.lastIndexOf('\n'))
    return Number(whole.slice(whole.lastIndexOf('\n') + 1))
  }

  test('loses no commit that was acknowledged, and halves none', async () => {
    for (let round = 0; round < 6; round++) {
      const acknowledged = await killAfter(7 * round)
      const store = openSqliteStore(path)
      const left = [...store.load('left')].map(({ key, value }) => [Number(key), value.length])
      const right = [...store.load('right')].map(({ key, value }) => [Number(key), value.length])
      store.close()
      expect(left.length).toBeGreaterThan(acknowledged)
      expect(left.length).toBeLessThanOrEqual(acknowledged + 2)
      expect(left.sort()).toEqual(right.sort())
      for (const [number = -1, length] of left) expect(length).toBe(1 + (number % 3000))
    }
  })
})
