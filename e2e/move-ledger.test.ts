/**
 * A ledger moves from its file into a real PostgreSQL: the command of the documentation, the real program before and after
 * it, and a move that is killed, finished, refused.
 */

import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadNativeCrypto } from '@myst/crypto-native'
import { myst } from '@myst/protocol'
import { type PostgresServer, startPostgres, whyNoPostgres } from '@myst/testkit'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openTestChain, postBatch, type TestChain } from './chain.fixture.ts'
import { createPair, type Pair } from './pair.fixture.ts'
import { createPrograms, type Started } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.53.1'
const programPath = fileURLToPath(new URL('../packages/accountant/src/main.ts', import.meta.url))
const ledgerProgram = fileURLToPath(new URL('../packages/accountant/src/ledger-main.ts', import.meta.url))
const page = readFileSync(new URL('../docs/operating/accountant.md', import.meta.url), 'utf8')
const why = whyNoPostgres()

describe.skipIf(why !== undefined)(`into PostgreSQL${why === undefined ? '' : `: skipped, ${why}`}`, () => {
  let world: TestChain
  let server: PostgresServer
  let admin: postgres.Sql
  let pair: Pair
  const programs = createPrograms(() => world.dir)
  const at = (name: string) => join(world.dir, name)

  beforeAll(async () => {
    world = await openTestChain(crypto, host)
    server = await startPostgres()
    admin = postgres(server.url, { max: 2, onnotice: () => {} })
    await admin`CREATE DATABASE accountant`
    await admin`CREATE DATABASE other`
    await world.writeConfig()
    pair = await createPair(crypto, world, 1, 10n * myst)
  }, 120_000)
  afterEach(() => programs.killAll())
  afterAll(async () => {
    await admin?.end({ timeout: 1 })
    await server?.close()
    await world?.close()
  })

  const config = () => JSON.parse(readFileSync(at('accountant.json'), 'utf8')) as { ledger?: string }
  const databaseUrl = (name: string) => Object.assign(new URL(server.url), { pathname: `/${name}` }).href
  const start = () => programs.start(programPath, [at('accountant.json')])
  async function startUp(): Promise<Started> {
    const up = start()
    await expect.poll(up.said, { timeout: 40_000, interval: 50 }).toContain('"ready":true')
    return up
  }
  async function stop(up: Started): Promise<void> {
    up.child.kill('SIGTERM')
    const { exitCode, stderr } = await up.ended
    expect([exitCode, stderr]).toEqual([0, expect.any(String)])
  }
  const move = (to: string) => programs.runMyst('accountant', 'move', '--config', 'accountant.json', '--to', to)
  async function refusal(moving: ReturnType<typeof move>): Promise<string | undefined> {
    const { exitCode, stderr } = await moving
    return exitCode === 0 ? undefined : /\(([a-z-]+)/.exec(stderr)?.[1]
  }
  async function rowsIn(name: string): Promise<number> {
    const sql = postgres(databaseUrl(name), { max: 1 })
    const [row] = await sql`
      SELECT ((SELECT count(*) FROM ledger_log) + (SELECT count(*) FROM ledger_records))::int AS rows`
    await sql.end({ timeout: 1 })
    return row?.rows as number
  }
  /** As a kill leaves it between the copy and the new name of the file. */
  async function takeBack(): Promise<void> {
    renameSync(at('data/ledger.db.moved'), at('data/ledger.db'))
    await world.writeConfig()
  }

  test('refused while it runs, into what is no database, and where a byte of the file is damaged: nothing is changed', async () => {
    const up = await startUp()
    for (const amount of [1n, 2n, 3n]) expect(await pair.credit(amount * 10n ** 15n)).toBe('accepted')
    expect(await refusal(move(databaseUrl('accountant')))).toBe('store-in-use')
    await stop(up)
    expect(await refusal(move('postgres://carol@127.0.0.1:1/none'))).toBe('store-unreachable')
    expect((await move('/var/lib/ledger')).exitCode).toBe(2)
    const whole = readFileSync(at('data/ledger.db'))
    const place = whole.lastIndexOf(pair.last().answer.promise.signature)
    expect(place).toBeGreaterThan(0)
    const file = openSync(at('data/ledger.db'), 'r+')
    writeSync(file, Uint8Array.of((whole[place] as number) ^ 1), 0, 1, place)
    closeSync(file)
    expect(await refusal(move(databaseUrl('accountant')))).toBe('ledger-damaged')
    writeFileSync(at('data/ledger.db'), whole)
    expect([config().ledger, existsSync(at('data/ledger.db.moved'))]).toEqual([undefined, false])
    expect(await rowsIn('accountant')).toBe(0)
  }, 120_000)

  test('killed in the copy it leaves the database empty, and the file as it was; meanwhile nobody starts on it', async () => {
    const sql = postgres(databaseUrl('accountant'), { max: 1 })
    const held = Promise.withResolvers<void>()
    const holding = sql.begin(async (held_) => {
      await held_`LOCK TABLE ledger_log IN SHARE MODE`
      await held.promise
    })
    await expect.poll(() => locks(true)).toBe(1)
    const moving = programs.start(ledgerProgram, [at('accountant.json'), 'move', databaseUrl('accountant')])
    // It has written the records, and waits at the log, with the file open.
    await expect.poll(() => locks(false), { timeout: 20_000 }).toBeGreaterThan(0)
    const { exitCode, stderr } = await start().ended
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('store-in-use')])
    moving.child.kill('SIGKILL')
    await moving.ended
    held.resolve()
    await holding
    await sql.end({ timeout: 1 })
    expect(await rowsIn('accountant')).toBe(0)
    expect([config().ledger, existsSync(at('data/ledger.db'))]).toEqual([undefined, true])
    await stop(await startUp())
  }, 120_000)

  const locks = async (granted: boolean): Promise<number> => {
    const rows = await admin`
      SELECT FROM pg_locks JOIN pg_database ON oid = database
      WHERE datname = 'accountant' AND mode <> 'RowShareLock' AND locktype = 'relation' AND granted = ${granted}
        AND (granted = false OR mode = 'ShareLock')`
    return rows.length
  }

  test('the command of the page: every answer is given again byte for byte, and the next follows', async () => {
    const [, shown = ''] = /\n(myst accountant move .*)\n/.exec(page) ?? []
    expect(shown).toMatch(/^myst accountant move --to postgres:\S+$/)
    const args = shown
      .replace(/postgres:\S+/, databaseUrl('accountant'))
      .split(' ')
      .slice(1)
    const { exitCode, stdout, stderr } = await programs.runMyst(...args, '--config', 'accountant.json')
    expect([exitCode, stderr, stdout]).toEqual([0, '', expect.stringContaining('is in PostgreSQL')])
    expect(config().ledger).toBe(databaseUrl('accountant'))
    expect([existsSync(at('data/ledger.db')), existsSync(at('data/ledger.db.moved'))]).toEqual([false, true])

    // The copy was made, and the move ended before the file had its new name; then before the configuration was written.
    await takeBack()
    expect(await refusal(move(databaseUrl('accountant')))).toBe(undefined)
    await world.writeConfig()
    const early = await start().ended
    expect([early.exitCode, early.stderr]).toEqual([1, expect.stringContaining('ledger-moved')])
    expect(existsSync(at('data/ledger.db'))).toBe(false)
    expect(await refusal(move(databaseUrl('accountant')))).toBe(undefined)
    expect(config().ledger).toBe(databaseUrl('accountant'))
    expect(await refusal(move(databaseUrl('other')))).toBe('ledger-moved')

    const up = await startUp()
    const { answer, batch, signed } = pair.last()
    expect(await postBatch(world.accountantUrl, batch)).toEqual({ kind: 'answered', answer: signed })
    expect(await pair.credit(5n * 10n ** 15n)).toBe('accepted')
    expect(pair.last().answer.promise.amount).toBeGreaterThan(answer.promise.amount)
    await stop(up)

    // Now the database is ahead: the old file is no ledger any more, and does not go over it.
    await takeBack()
    expect(await refusal(move(databaseUrl('accountant')))).toBe('store-not-empty')
    expect(config().ledger).toBe(undefined)
    rmSync(at('data'), { recursive: true })
    expect(await refusal(move(databaseUrl('other')))).toBe('ledger-missing')
  }, 180_000)
})
