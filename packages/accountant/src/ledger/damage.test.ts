/** F6, and bad inputs 71–74, 77, 78: what is on disk is not what was written. It is found at the start, before it is used. */

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, Fault, maxBatchItems, referenceCrypto, toHex, uintToBytes } from '@myst/protocol'
import {
  createMemoryLedgerStore,
  type LedgerRecord,
  type LedgerStore,
  type LogEntry,
  openSqliteLedgerStore,
} from '@myst/store'
import { person } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { randomOf } from './crash.fixture.ts'
import { batchAt, providers } from './exchanging.fixture.ts'
import { ledgerWith } from './mistakes.fixture.ts'
import type { Subject } from './solvency.fixture.ts'
import * as ledger from './testing.ts'

const long = process.env.MYST_LONG === '1'

interface Rows {
  readonly records: LedgerRecord[]
  readonly log: LogEntry[]
}

async function rowsOf(store: LedgerStore): Promise<Rows> {
  const rows: Rows = { records: [], log: [] }
  for await (const record of store.records()) rows.records.push(record)
  for await (const entry of store.log()) rows.log.push(entry)
  return rows
}

const storeOf = ({ records, log }: Rows): LedgerStore => ({
  ...createMemoryLedgerStore(),
  records: () => records,
  log: () => log,
})

/** Two batches of each provider. @returns the rows after the first, and after the second. */
async function written(store: LedgerStore = createMemoryLedgerStore(), options = {}): Promise<[Rows, Rows]> {
  const opened = await ledger.openTestLedger(store, options)
  for (const provider of providers) await opened.apply(batchAt(provider, 1n))
  const first = await rowsOf(store)
  for (const provider of providers) await opened.apply(batchAt(provider, 2n))
  return [first, await rowsOf(store)]
}

const [older, newer] = await written()
const faultOf = async (rows: Rows, subject: Subject = ledger) =>
  subject.openTestLedger(storeOf(rows)).then(
    () => 'opened',
    (fault) => (fault instanceof Fault ? fault.code : String(fault)),
  )
const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
  bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
const without = <T>(list: readonly T[], at: number): T[] => list.toSpliced(at, 1)
const last = newer.log.length - 1

/** Each is one way in which rows can be wrong though the database is sound. */
const wrongs: [what: string, rows: Rows, caughtBy: string][] = [
  ['a record is gone', { ...newer, records: without(newer.records, 3) }, 'digest'],
  ['all records are gone', { ...newer, records: [] }, 'digest'],
  [
    'a record is older than the others',
    { ...newer, records: newer.records.with(0, older.records[0] as LedgerRecord) },
    'digest',
  ],
  ['all records are older than the log', { ...newer, records: older.records }, 'digest'],
  ['the log is older than the records', { ...newer, log: older.log }, 'digest'],
  ['the newest entry is gone', { ...newer, log: without(newer.log, last) }, 'digest'],
  ['the log is gone', { ...newer, log: [] }, 'digest'],
  ['the oldest entry is gone', { ...newer, log: without(newer.log, 0) }, 'oldest'],
  ['an entry in the middle is gone', { ...newer, log: without(newer.log, 3) }, 'chain'],
  [
    'an entry stands under another number',
    { ...newer, log: newer.log.map((entry) => ({ ...entry, sequence: entry.sequence + 1 })) },
    'place',
  ],
  [
    'a record stands under another key',
    { ...newer, records: newer.records.map((of, at) => (at === 0 ? { ...of, key: `${of.key}0` } : of)) },
    'checksum',
  ],
  [
    'a record of no known table',
    { ...newer, records: [...newer.records, { table: 'x', key: 'x', value: new Uint8Array(20) }] },
    'checksum',
  ],
  [
    'a record is empty',
    { ...newer, records: newer.records.with(0, { ...(newer.records[0] as LedgerRecord), value: new Uint8Array() }) },
    'checksum',
  ],
]

describe('A13: refuses to open where', () => {
  test('nothing is wrong: no', async () => expect(await faultOf(newer)).toBe('opened'))
  test.each(wrongs)('%s', async (_, rows) => expect(await faultOf(rows)).toBe('ledger-damaged'))

  test('any bit of any record or entry is another', { timeout: 120_000 }, async () => {
    const random = randomOf(1)
    for (const name of ['records', 'log'] as const) {
      for (const [at, row] of newer[name].entries()) {
        const bytes = 'value' in row ? row.value : row.body
        for (let tries = 0; tries < (long ? 500 : 12); tries++) {
          const spoilt = flipped(bytes, Math.floor(random() * bytes.length * 8))
          const rows = newer[name].with(at, { ...row, ['value' in row ? 'value' : 'body']: spoilt } as never)
          expect(await faultOf({ ...newer, [name]: rows })).toBe('ledger-damaged')
        }
      }
    }
    const entry = newer.log[last] as LogEntry
    expect(await faultOf({ ...newer, log: newer.log.with(last, { ...entry, hash: flipped(entry.hash, 9) }) })).toBe(
      'ledger-damaged',
    )
  })

  test('a record could never be, though every sum is right', async () => {
    const store = createMemoryLedgerStore()
    const state = ledger.createState()
    const draft = ledger.createDraft(state)
    const [channel, account] = [...(await ledger.openTestLedger(storeOf(newer))).entries('channels')][0] ?? []
    draft.put('channels', channel as string, { ...account, revealedSum: 1_000n } as never)
    const sealed = state.seal(draft)
    await store.commit({ records: sealed.records, ...ledger.createLog(0).next([], sealed.digest) })
    expect(await faultOf(await rowsOf(store))).toBe('ledger-damaged')
  })

  /** The sum alone finds what no row shows by itself; each other check names the row. */
  const checks = [
    ['digest', 'log.ts', 'if (equalBytes(said, digestToBytes(digest))) {', 'if (digest >= 0n) {'],
    ['oldest', 'log.ts', 'before !== undefined && before.body.oldest !== first', 'before === undefined && first !== 0'],
  ] as const
  test.each(checks)(
    'a ledger that leaves out the check of the %s opens what is wrong',
    async (check, file, find, put) => {
      const mistaken = await ledgerWith({ what: `does not look at the ${check}`, file, find, put })
      const found = await Promise.all(wrongs.map(async ([, rows]) => (await faultOf(rows, mistaken)) === 'opened'))
      expect(found).toContain(true)
    },
  )
})

describe('a file of SQLite', () => {
  test('with any byte changed opens as it was, or not at all', { timeout: 600_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'myst-damage-'))
    try {
      const path = join(dir, 'ledger.db')
      const store = openSqliteLedgerStore(path)
      await written(store)
      const was = ledger.bytesOf(await ledger.openTestLedger(store))
      for (const suffix of ['', '-wal', '-newest']) copyFileSync(`${path}${suffix}`, `${dir}/killed${suffix}`)
      await store.close()
      copyFileSync(path, `${dir}/closed`)
      const random = randomOf(2)
      let refused = 0
      const killed = { '': 'killed', '-wal': 'killed-wal', '-newest': 'killed-newest' }
      for (const [files, changed] of [
        [{ '': 'closed', '-newest': 'killed-newest' }, ''],
        [killed, ''],
        [killed, '-wal'],
        [killed, '-newest'],
      ] as const) {
        for (let tries = 0; tries < (long ? 3000 : 60); tries++) {
          for (const suffix of ['', '-wal', '-newest']) rmSync(`${path}${suffix}`, { force: true })
          for (const [suffix, name] of Object.entries(files)) copyFileSync(join(dir, name), `${path}${suffix}`)
          const bytes = readFileSync(`${path}${changed}`)
          writeFileSync(`${path}${changed}`, flipped(bytes, Math.floor(random() * bytes.length * 8)))
          const outcome = await reading(path)
          if (typeof outcome === 'string') {
            expect(['ledger-damaged', 'store-unreadable', 'store-newer', 'store-behind']).toContain(outcome)
            refused += 1
          } else {
            expect(outcome).toEqual(was)
          }
        }
      }
      expect(refused).toBeGreaterThan(20)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  async function reading(path: string): Promise<Record<string, string> | string> {
    let store: LedgerStore | undefined
    try {
      store = openSqliteLedgerStore(path)
      return ledger.bytesOf(await ledger.openTestLedger(store))
    } catch (fault) {
      if (fault instanceof Fault) return fault.code
      throw fault
    } finally {
      await store?.close()
    }
  }
})

describe('the log', () => {
  test('keeps about as many bytes as it may, and a backup stands in for what was dropped', async () => {
    const store = createMemoryLedgerStore()
    const options = { maxLogBytes: 4_000 }
    const [, rows] = await written(store, options)
    const kept = rows.log.reduce((sum, { body }) => sum + body.length, 0)
    expect([rows.log.length < newer.log.length, kept < 5_000]).toEqual([true, true])
    await expect(ledger.verifyLog(store, referenceCrypto)).rejects.toMatchObject({ code: 'log-too-short' })

    const opened = await ledger.openTestLedger(store, options)
    const backup = storeOf(rows)
    await opened.apply(batchAt(providers[0] as `0x${string}`, 3n))
    const { entries, state } = await ledger.verifyLog(store, referenceCrypto, backup)
    expect([entries, ledger.bytesOf(state)]).toEqual([1, ledger.bytesOf(opened)])
  })

  test('can be read again after the largest group', { timeout: 120_000 }, async () => {
    const store = createMemoryLedgerStore()
    const opened = await ledger.openTestLedger(store)
    const commands = Array.from({ length: 17 }, (_, number) => {
      const provider = person(BigInt(number + 1)).identity
      const lock = ledger.lockOf(provider, 1n)
      const amount = 1n << 230n
      const items = Array.from({ length: maxBatchItems }, (_, index) => {
        const consumer = toHex(uintToBytes(BigInt(index + 1), 20)) as Address
        return ledger.item({ consumer, provider, amount: amount - BigInt(17 - number), lock })
      })
      return ledger.commandOf({ provider, epoch: 1n, hashlock: lock, previousAmount: 0n, items }, { capacity: amount })
    })
    const results = await Promise.all(commands.map((command) => opened.apply(command)))
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['answered']))
    const { log } = await rowsOf(store)
    expect(log.length).toBeLessThan(3)
    expect(log[0]?.body.length).toBeGreaterThan(5_000_000)
    expect(await faultOf(await rowsOf(store))).toBe('opened')
  })

  test('that does not lead to its records is found by a replay, and the entry is named', async () => {
    const forged = await ledgerWith({
      what: 'credits one more than it says',
      file: 'exchange-batch.ts',
      find: 'credited: totals.credited + credited,',
      put: 'credited: totals.credited + credited + 1n,',
    })
    const store = createMemoryLedgerStore()
    const opened = await forged.openTestLedger(store)
    for (const provider of providers) await opened.apply(batchAt(provider, 1n))
    expect(await faultOf(await rowsOf(store))).toBe('opened')
    await expect(ledger.verifyLog(store, referenceCrypto)).rejects.toMatchObject({
      code: 'ledger-damaged',
      facts: { sequence: 1, why: 'its commands lead to other records' },
    })
  })
})
