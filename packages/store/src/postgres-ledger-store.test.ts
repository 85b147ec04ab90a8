import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ledgerStoreCompliance,
  loadMistaken,
  type Mistake,
  type PostgresServer,
  startPostgres,
  whyNoPostgres,
} from '@myst/testkit'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LedgerChanges, LedgerStore, NextEntry } from './ledger-store.ts'
import * as subject from './postgres-ledger-store.ts'

type Subject = typeof subject
const why = whyNoPostgres()

const entryAt = (sequence: number, by = 0): NextEntry => ({
  entry: { sequence, hash: new Uint8Array(32), body: Uint8Array.of(sequence, by) },
  oldest: 1,
})
async function* recordsBy(by: number, before?: Promise<void>): AsyncGenerator<LedgerChanges> {
  yield { records: [{ table: 'a', key: 'newest', value: Uint8Array.of(by) }], removed: [] }
  await before
}
const codeOf = (fault: unknown): string => String((fault as { code?: string }).code ?? fault)
const outcome = (writing: void | Promise<void>) => Promise.resolve(writing).then(() => 'kept', codeOf)

describe.skipIf(why !== undefined)(`PostgreSQL${why === undefined ? '' : `: skipped, ${why}`}`, () => {
  let server: PostgresServer
  let admin: postgres.Sql
  /** Each test has a schema of its own. */
  let url: string
  let schema = 0
  const opened: LedgerStore[] = []

  beforeAll(async () => {
    server = await startPostgres()
    admin = postgres(server.url, { max: 4, onnotice: () => {} })
  })
  afterAll(async () => {
    await admin.end({ timeout: 1 })
    await server.close()
  })
  beforeEach(async () => {
    url = await freshUrl()
  })
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })

  async function freshUrl(): Promise<string> {
    const name = `s${++schema}`
    await admin`CREATE SCHEMA ${admin(name)}`
    return `${server.url}?search_path=${name}`
  }
  const tableOf = (name: string, of = url) => admin(`${new URL(of).searchParams.get('search_path')}.${name}`)

  async function open(at = url, options = {}, { openPostgresLedgerStore }: Subject = subject): Promise<LedgerStore> {
    const store = await openPostgresLedgerStore(at, options)
    opened.push(store)
    return store
  }
  /** Opens a second store, which waits; `writer` resolves when it is one. */
  async function standBy(at = url) {
    const waits = Promise.withResolvers<void>()
    const writer = open(at, { standby: { onWait: () => waits.resolve() } })
    await Promise.race([waits.promise, writer])
    return { writer }
  }
  const bodies = async (store: LedgerStore) => {
    const found: number[][] = []
    for await (const { body } of store.log()) found.push([...body])
    return found
  }
  const recordsOf = async (store: LedgerStore) => {
    const found: number[] = []
    for await (const { value } of store.records()) found.push(...value)
    return found
  }
  const writerSession = async (): Promise<number> =>
    (await admin`SELECT session FROM ${tableOf('ledger_writer')}`)[0]?.session as number
  const cut = async () => admin`SELECT pg_terminate_backend(${await writerSession()}, 5000)`

  ledgerStoreCompliance(
    'postgres',
    () => {
      let at: string | undefined
      return {
        async open() {
          at ??= await freshUrl()
          return subject.openPostgresLedgerStore(at)
        },
        close() {},
      }
    },
    { durable: true },
  )

  test('one process writes, and the next is told who waits for it', async () => {
    const store = await open()
    await store.append(entryAt(1))
    await expect(open()).rejects.toMatchObject({ code: 'store-in-use' })
    const { writer } = await standBy()
    await store.append(entryAt(2))
    await store.close()
    const next = await writer
    expect(await bodies(next)).toEqual([
      [1, 0],
      [2, 0],
    ])
    expect(await outcome(next.append(entryAt(3)))).toBe('kept')
  })

  test('a wait can be given up', async () => {
    await open()
    const waiting = new AbortController()
    const writer = open(url, { standby: { signal: waiting.signal, onWait: () => waiting.abort() } })
    await expect(writer).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('refuses a newer layout, and tables of somebody else', async () => {
    await (await open()).close()
    await admin`UPDATE ${tableOf('ledger_writer')} SET version = 2`
    await expect(open()).rejects.toMatchObject({ code: 'store-newer' })
    await admin`DELETE FROM ${tableOf('ledger_writer')}`
    await expect(open()).rejects.toMatchObject({ code: 'store-unreadable' })
    await admin`ALTER TABLE ${tableOf('ledger_writer')} DROP COLUMN version`
    await expect(open()).rejects.toMatchObject({ code: 'store-unreadable' })
  })

  test('says that no server answers, without the password', async () => {
    const fault = await subject.openPostgresLedgerStore('postgres://carol:secret@127.0.0.1:1/none').catch((of) => of)
    expect([fault.code, fault.message]).toEqual([
      'store-unreachable',
      'store-unreachable path=postgres://127.0.0.1:1/none',
    ])
  })

  describe('a full disk keeps nothing, and passes', () => {
    async function fullFor(table: string): Promise<() => Promise<unknown>> {
      const name = new URL(url).searchParams.get('search_path')
      await admin.unsafe(`
        CREATE FUNCTION ${name}.full() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON ${name}.${table} EXECUTE FUNCTION ${name}.full()`)
      return () => admin.unsafe(`DROP TRIGGER full_disk ON ${name}.${table}`)
    }

    test('of the log', async () => {
      const store = await open()
      await store.append(entryAt(1))
      const free = await fullFor('ledger_log')
      expect(await outcome(store.append(entryAt(2)))).toBe('store-full')
      expect((await store.reopen())?.sequence).toBe(1)
      await free()
      expect(await outcome(store.append(entryAt(2)))).toBe('kept')
    })

    test('of the records, and entries are appended all the same', async () => {
      const store = await open()
      await store.save(recordsBy(1))
      const free = await fullFor('ledger_records')
      expect(await outcome(store.save(recordsBy(2)))).toBe('store-full')
      expect([await outcome(store.append(entryAt(1))), await recordsOf(store)]).toEqual(['kept', [1]])
      await free()
      expect([await outcome(store.save(recordsBy(2))), await recordsOf(store)]).toEqual(['kept', [2]])
    })
  })

  test('a connection that ends while records are saved costs this attempt only', async () => {
    const store = await open()
    await store.save(recordsBy(1))
    const ends = Promise.withResolvers<void>()
    const saving = outcome(store.save(recordsBy(2, ends.promise)))
    const others = () => admin`
      SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%ledger_records%'`
    await expect.poll(async () => (await others()).length).toBe(1)
    await admin`SELECT pg_terminate_backend(${(await others())[0]?.pid}, 5000)`
    ends.resolve()
    expect([await saving, await recordsOf(store)]).toEqual(['store-unreachable', [1]])
    expect(await outcome(store.append(entryAt(1)))).toBe('kept')
    expect([await outcome(store.save(recordsBy(2))), await recordsOf(store)]).toEqual(['kept', [2]])
  })

  describe('fails for good, keeping nothing, when a commit gets no answer (F7)', () => {
    /** Holds what a commit needs, until it is let go. */
    const holds: [what: string, hold: () => Promise<() => Promise<void>>][] = [
      [
        'as somebody holds a lock',
        async () => {
          const other = await admin.reserve()
          await other`BEGIN`
          await other`LOCK TABLE ${tableOf('ledger_log')} IN ACCESS EXCLUSIVE MODE`
          return async () => {
            await other`ROLLBACK`
            other.release()
          }
        },
      ],
      [
        'as the server stands still',
        async () => {
          const session = await writerSession()
          process.kill(session, 'SIGSTOP')
          return async () => {
            await admin`SELECT pg_terminate_backend(${session})`
            process.kill(session, 'SIGCONT')
          }
        },
      ],
    ]
    test.each(holds)('%s', async (_, hold) => {
      const store = await open()
      await store.append(entryAt(1))
      const letGo = await hold()
      const atMs = performance.now()
      const first = await outcome(store.append(entryAt(2)))
      const seconds = (performance.now() - atMs) / 1000
      await letGo()
      expect([first, await outcome(store.append(entryAt(2)))]).toEqual(['store-failed', 'store-failed'])
      expect(seconds).toBeLessThan(20)
      const next = await (await standBy()).writer
      expect(await bodies(next)).toEqual([[1, 0]])
    })
  })

  describe('one signs (F16)', () => {
    /** Cut off in the middle of a commit, and replaced: what the old one may say, and what the log holds. */
    async function replaceMidCommit(mistaken?: Subject) {
      const old = await open(url, {}, mistaken)
      await old.append(entryAt(1))
      const { writer } = await standBy()
      const other = await admin.reserve()
      await other`BEGIN`
      await other`SELECT FROM ${tableOf('ledger_writer')} FOR UPDATE`
      const during = outcome(old.append(entryAt(2, 1)))
      await expect
        .poll(async () => (await admin`SELECT FROM pg_locks WHERE NOT granted`).length, { timeout: 5000 })
        .toBeGreaterThan(0)
      await cut()
      await other`ROLLBACK`
      other.release()
      const next = await writer
      const outcomes = [
        await during,
        await outcome(next.append(entryAt(2, 2))),
        await outcome(old.append(entryAt(3, 1))),
      ]
      return { outcomes, log: await bodies(next) }
    }

    test('a writer cut off in the middle of a commit keeps nothing, and commits no more', async () => {
      const { outcomes, log } = await replaceMidCommit()
      expect(outcomes).toEqual(['store-failed', 'kept', 'store-failed'])
      expect(log).toEqual([
        [1, 0],
        [2, 2],
      ])
    })

    /** Replaced while it saves records: what becomes of those, and of what the next one saves. */
    async function replaceMidSave(mistaken?: Subject) {
      const old = await open(url, {}, mistaken)
      await old.append(entryAt(1))
      await old.save(recordsBy(1))
      const ends = Promise.withResolvers<void>()
      const during = outcome(old.save(recordsBy(8, ends.promise)))
      const saving = () => admin`
        SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%ledger_records%'`
      await expect.poll(async () => (await saving()).length).toBe(1)
      await admin`UPDATE ${tableOf('ledger_writer')} SET token = 'of the next writer'`
      ends.resolve()
      const outcomes = [await during, await outcome(old.save(recordsBy(9)))]
      await old.close()
      return { outcomes, records: await recordsOf(await open()) }
    }

    test('a writer that is replaced while it saves records saves none, and none later', async () => {
      expect(await replaceMidSave()).toEqual({ outcomes: ['store-fenced', 'store-fenced'], records: [1] })
    })

    test('the check sees a store that saves records without a look at its token', async () => {
      const fenceless = await load({
        what: 'saves without its token',
        file: 'postgres-ledger-store.ts',
        find: "if (mine === undefined) throw replaced()\n      await ask(sql.unsafe('COMMIT'))",
        put: "await ask(sql.unsafe('COMMIT'))",
      })
      expect((await replaceMidSave(fenceless)).records).toEqual([9])
    })

    test('a takeover waits for records that are being committed', async () => {
      const old = await open()
      const other = await admin.reserve()
      await other`BEGIN`
      await other`SELECT FROM ${tableOf('ledger_writer')} FOR KEY SHARE`
      expect(await outcome(old.append(entryAt(1)))).toBe('kept')
      await old.close()
      const taking = open()
      await expect
        .poll(async () => (await admin`SELECT FROM pg_locks WHERE NOT granted`).length, { timeout: 5000 })
        .toBeGreaterThan(0)
      await other`ROLLBACK`
      other.release()
      expect(await bodies(await taking)).toEqual([[1, 0]])
    })

    test('the check sees a store that takes the end of its connection for success: both acknowledge', async () => {
      const hopeful = await load({
        what: 'takes silence for success',
        file: 'postgres-ledger-store.ts',
        find: "throw await lose(new Fault('store-failed', { path }, { cause }))",
        put: 'return',
      })
      const { outcomes } = await replaceMidCommit(hopeful)
      expect(outcomes.slice(0, 2)).toEqual(['kept', 'kept'])
    })

    test('a writer that nobody asks anything learns that it was replaced', async () => {
      const lost: string[] = []
      await open(url, { onLost: (fault: unknown) => lost.push(codeOf(fault)) })
      await admin`UPDATE ${tableOf('ledger_writer')} SET token = 'of the next writer'`
      await expect.poll(() => lost, { timeout: 10_000 }).toEqual(['store-fenced'])
    })

    /** Between commits, by a writer that has said nothing yet. */
    async function replaceIdle(mistaken?: Subject) {
      const lost: string[] = []
      const old = await open(url, { onLost: (fault: unknown) => lost.push(codeOf(fault)) }, mistaken)
      await old.append(entryAt(1))
      const { writer } = await standBy()
      await cut()
      const next = await writer
      const outcomes = [await outcome(old.append(entryAt(2, 1))), await outcome(next.append(entryAt(2, 2)))]
      return { outcomes, lost }
    }
    const load = (mistake: Mistake) => loadMistaken<Subject>(import.meta.dirname, 'postgres-ledger-store.ts', mistake)
    const connectsAnew: Mistake = {
      what: 'does not notice that its session is gone, and goes on with another',
      file: 'postgres-ledger-store.ts',
      find: 'onclose: () => hangUp(),',
      put: '',
    }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of the source
    const fence = 'WHERE token = ${token} AND session = pg_backend_pid() FOR NO KEY UPDATE'

    test('a writer cut off between commits commits no more', async () => {
      expect(await replaceIdle()).toEqual({ outcomes: ['store-failed', 'kept'], lost: ['store-failed'] })
    })

    test('one that does not notice is fenced by the server', async () => {
      expect(await replaceIdle(await load(connectsAnew))).toEqual({
        outcomes: ['store-fenced', 'kept'],
        lost: ['store-fenced'],
      })
    })

    test('one that does not notice is fenced though nobody replaced it yet', async () => {
      const old = await open(url, {}, await load(connectsAnew))
      await old.append(entryAt(1))
      await cut()
      expect(await outcome(old.append(entryAt(2)))).toBe('store-fenced')
    })

    /** Without the lock both believe that they write; each number is acknowledged to one of them all the same. */
    async function race(mistake: Mistake) {
      const stores = await load(mistake)
      const both = [await open(url, {}, stores), await open(url, {}, stores)] as const
      const acknowledged: number[] = []
      for (let sequence = 1; sequence <= 10; sequence++) {
        const outcomes = await Promise.all(both.map((store, by) => outcome(store.append(entryAt(sequence, by)))))
        acknowledged.push(outcomes.filter((of) => of === 'kept').length)
      }
      return { acknowledged: Math.max(...acknowledged), log: await bodies(both[1]) }
    }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of the source
    const lock = "pg_try_advisory_lock(${lockClass}::int, 'ledger_writer'::regclass::oid::int) AS held"
    const lockless = { what: 'takes no lock', file: 'postgres-ledger-store.ts', find: lock, put: 'true AS held' }

    test('without the lock the newer writer alone is heard', async () => {
      const { acknowledged, log } = await race(lockless)
      expect(acknowledged).toBe(1)
      expect(log.map(([, by]) => by)).toEqual(Array(10).fill(1))
    })

    test('the check sees a store without its fence: the replaced one commits', async () => {
      const old = await open()
      await old.append(entryAt(1))
      await admin`UPDATE ${tableOf('ledger_writer')} SET token = 'of the next writer'`
      expect(await outcome(old.append(entryAt(2)))).toBe('store-fenced')
      await old.close()
      const fenceless = await open(
        url,
        {},
        await load({ what: 'asks for no token', file: 'postgres-ledger-store.ts', find: fence, put: '' }),
      )
      await admin`UPDATE ${tableOf('ledger_writer')} SET token = 'of the next writer'`
      expect(await outcome(fenceless.append(entryAt(2)))).toBe('kept')
    })

    test('processes that are killed and cut off at any time acknowledge each number once, and lose none', async () => {
      await (await open()).close()
      const acknowledged: number[] = []
      const running = new Set<ChildProcess>()
      function run(): void {
        const child = spawn(process.execPath, [`${import.meta.dirname}/writing.fixture.ts`, url], {
          stdio: ['ignore', 'pipe', 'ignore'],
        })
        running.add(child)
        let rest = ''
        child.stdout.on('data', (text) => {
          const lines = `${rest}${text}`.split('\n')
          rest = lines.pop() as string
          acknowledged.push(...lines.map(Number))
        })
        child.once('close', () => running.delete(child))
      }
      async function killAll(): Promise<void> {
        const ending = [...running].map((child) => once(child, 'close'))
        for (const child of running) child.kill('SIGKILL')
        await Promise.all(ending)
      }
      try {
        for (let round = 0; round < 6; round++) {
          while (running.size < 2) run()
          const before = acknowledged.length
          await expect.poll(() => acknowledged.length, { timeout: 15_000 }).toBeGreaterThan(before + 20)
          await sleep(Math.random() * 50)
          if (round % 2 === 0) await cut()
          else await killAll()
        }
      } finally {
        await killAll()
      }
      const log = await bodies(await (await standBy()).writer)
      expect(new Set(acknowledged).size).toBe(acknowledged.length)
      expect(log.length).toBeGreaterThanOrEqual(Math.max(...acknowledged))
    })
  })

  describe('what was acknowledged is there after kill -9 of the server (A5)', () => {
    async function killAfter(many: number, mistaken?: Subject) {
      const store = await open(url, {}, mistaken)
      for (let sequence = 1; sequence <= many; sequence++) await store.append(entryAt(sequence))
      await server.kill()
      await server.start()
      const after = await outcome(store.append(entryAt(many + 1)))
      const next = await (await standBy()).writer
      return { after, kept: (await bodies(next)).length }
    }

    test('all of it', async () => {
      expect(await killAfter(7)).toEqual({ after: 'store-failed', kept: 7 })
    })

    test('and not with commits that do not wait for the disk', async () => {
      const hasty = await loadMistaken<Subject>(import.meta.dirname, 'postgres-ledger-store.ts', {
        what: 'does not wait for the disk',
        file: 'postgres-ledger-store.ts',
        find: "'synchronous_commit', 'on'",
        put: "'synchronous_commit', 'off'",
      })
      expect((await killAfter(7, hasty)).kept).toBeLessThan(7)
    })

    test('a standby keeps its place while the server restarts', async () => {
      const store = await open()
      await store.append(entryAt(1))
      const { writer } = await standBy()
      await server.kill()
      await sleep(1500)
      await server.start()
      expect(await bodies(await writer)).toEqual([[1, 0]])
    })
  })
})
