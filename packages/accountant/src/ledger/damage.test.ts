/** F6, and bad inputs 71–74, 77, 78: what is on disk is not what was written. It is found at the start, before it is used. */

import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/**
 * Two batches of each provider. @returns the rows after the first and a checkpoint, after the second without a further one
 * (as a kill leaves them), and after the second and a checkpoint.
 */
async function written(
  store: LedgerStore = createMemoryLedgerStore(),
  { order = providers, ...options }: ledger.LedgerOptions & { order?: readonly Address[] } = {},
): Promise<[Rows, Rows, Rows]> {
  const exchangeAll = async (epoch: bigint) => {
    const opened = await ledger.openTestLedger(store, options)
    for (const provider of order) await opened.apply(batchAt(provider, epoch))
    return opened
  }
  await (await exchangeAll(1n)).close()
  const first = await rowsOf(store)
  const opened = await exchangeAll(2n)
  const killed = await rowsOf(store)
  await opened.close()
  return [first, killed, await rowsOf(store)]
}

const [older, killed, newer] = await written()
const faultOf = async (rows: Rows, subject: Subject = ledger) =>
  subject.openTestLedger(storeOf(rows)).then(
    () => 'opened',
    (fault) => (fault instanceof Fault ? fault.code : String(fault)),
  )
const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
  bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
const without = <T>(list: readonly T[], at: number): T[] => list.toSpliced(at, 1)
const last = newer.log.length - 1

const checkpointAt = (rows: Rows) => rows.records.findIndex(({ table }) => table === 'checkpoint')
const checkpointOf = (rows: Rows) => rows.records[checkpointAt(rows)] as LedgerRecord
/** Of the other order of providers: the same records, or almost, of another log. */
const [foreign] = await written(createMemoryLedgerStore(), { order: providers.toReversed() })
/** A log that keeps only what its records lack. */
const [, shortKilled] = await written(createMemoryLedgerStore(), { maxLogBytes: 1 })
/** The same, and nobody was answered: what it has of each day. */
const days = await (async () => {
  const store = createMemoryLedgerStore()
  const found: Rows[] = []
  for (let day = 0; day < 3; day++) {
    const opened = await ledger.openTestLedger(store, { maxLogBytes: 1 })
    await ledger.pass(opened, 1)
    found.push(await rowsOf(store))
    await opened.close()
  }
  return found as [Rows, Rows, Rows]
})()
/** One record less, and a checkpoint that fits. */
const forged = (({ records, log }: Rows): Rows => {
  const [gone, ...others] = records as [LedgerRecord, ...LedgerRecord[]]
  const { sequence, hash, digest } = ledger.readCheckpoint(checkpointOf(killed))
  const less = ledger.replaceInDigest(digest, ledger.bytesToDigest(gone.value.subarray(0, 16)), 0n)
  const checkpoint = ledger.checkpointRecord({ sequence, hash, digest: less })
  return { records: [...others.filter(({ table }) => table !== 'checkpoint'), checkpoint], log }
})(killed)

/** Each is one way in which rows can be wrong though the database is sound. */
const wrongs: [what: string, rows: Rows, caughtBy: string][] = [
  ['a record is gone', { ...newer, records: without(newer.records, 3) }, 'digest'],
  ['a record is gone that the log brings back', { ...killed, records: without(killed.records, 3) }, 'digest'],
  ['all records are gone but their checkpoint', { ...newer, records: [checkpointOf(newer)] }, 'digest'],
  ['the checkpoint is gone', { ...newer, records: without(newer.records, checkpointAt(newer)) }, 'digest'],
  [
    'a record is older than the others',
    { ...newer, records: newer.records.with(0, older.records[0] as LedgerRecord) },
    'digest',
  ],
  [
    'a record is newer than the others',
    { ...killed, records: killed.records.with(0, newer.records[0] as LedgerRecord) },
    'digest',
  ],
  [
    'the checkpoint is older than its records',
    { ...newer, records: newer.records.with(checkpointAt(newer), checkpointOf(older)) },
    'digest',
  ],
  ['the checkpoint has another name', { ...newer, records: [{ ...checkpointOf(newer), key: 'x' }] }, 'checksum'],
  ['the records are of another log', { ...killed, records: foreign.records }, 'hash'],
  ['the records are of another log, of which the rest is gone', { ...shortKilled, records: foreign.records }, 'hash'],
  ['the records are not those that the log names', forged, 'name'],
  ['the records are of another log that is as long', { ...older, records: foreign.records }, 'hash'],
  ['the records are older than what the log has', { ...days[2], records: days[1].records }, 'gap'],
  ['all records are gone, and entries that led to them', { ...shortKilled, records: [] }, 'gap'],
  ['the log is older than the records', { ...newer, log: older.log }, 'end'],
  ['the newest entry is gone', { ...newer, log: without(newer.log, last) }, 'end'],
  ['the log is gone', { ...newer, log: [] }, 'end'],
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
  test('nothing is wrong: no', async () => {
    const whole = { ...newer, records: [] }
    // The log is whole, so any records will do that it had, or none.
    for (const rows of [older, killed, newer, shortKilled, whole, { ...newer, records: older.records }]) {
      expect(await faultOf(rows)).toBe('opened')
    }
    const opened = await Promise.all([newer, killed, whole].map((rows) => ledger.openTestLedger(storeOf(rows))))
    const [first, ...others] = opened.map((of) => ledger.bytesOf(of))
    for (const other of others) expect(other).toEqual(first)
  })
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
    const state = ledger.createState()
    const draft = ledger.createDraft(state)
    const [channel, account] = [...(await ledger.openTestLedger(storeOf(newer))).entries('channels')][0] ?? []
    draft.put('channels', channel as string, { ...account, revealedSum: 1_000n } as never)
    state.merge(draft)
    const records = [...state.seal(state.take())].flatMap((slice) => slice.records)
    const { sequence, hash } = newer.log[last] as LogEntry
    const checkpoint = ledger.checkpointRecord({ sequence, hash, digest: state.digest })
    expect(await faultOf({ ...newer, records: [...records, checkpoint] })).toBe('ledger-damaged')
  })

  /** What no row shows by itself; each check finds what no other does. */
  const checks = [
    ['digest', 'state.ts', 'if (digest === loaded.digest) return', 'return'],
    ['oldest', 'log.ts', 'before !== undefined && before.body.oldest !== first', 'before === undefined && first !== 0'],
    ['hash of the checkpoint', 'log.ts', '!equalBytes(stands.hash, checkpoint.hash)', 'false'],
    ['digest that the log names', 'log.ts', '!isDigest(checkpoint, body.checkpoint.digest)', 'false'],
    ['gap before the log', 'log.ts', 'before.sequence > checkpoint.sequence', 'false'],
    ['end of the log', 'log.ts', 'head.sequence < checkpoint.sequence', 'false'],
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
      const suffixes = ['', '-wal', '-newest', '-records', '-records-wal']
      const filesNow = (name: string) => {
        const there = suffixes.filter((suffix) => existsSync(`${path}${suffix}`))
        for (const suffix of there) copyFileSync(`${path}${suffix}`, `${dir}/${name}${suffix}`)
        return Object.fromEntries(there.map((suffix) => [suffix, `${name}${suffix}`]))
      }
      const store = openSqliteLedgerStore(path)
      const opened = await ledger.openTestLedger(store, { checkpointBytes: 3000 })
      for (const epoch of [1n, 2n]) for (const provider of providers) await opened.apply(batchAt(provider, epoch))
      const was = ledger.bytesOf(opened)
      await expect.poll(() => opened.tail.entries).toBeLessThan(4)
      const killed = filesNow('killed')
      await opened.close()
      const closed = filesNow('closed')
      expect([Object.keys(killed), Object.keys(closed)]).toEqual([suffixes, ['', '-newest', '-records']])
      const random = randomOf(2)
      let refused = 0
      for (const [files, changed] of [
        [closed, ''],
        [closed, '-records'],
        [killed, ''],
        [killed, '-wal'],
        [killed, '-newest'],
        [killed, '-records'],
        [killed, '-records-wal'],
      ] as const) {
        for (let tries = 0; tries < (long ? 3000 : 60); tries++) {
          for (const suffix of suffixes) rmSync(`${path}${suffix}`, { force: true })
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

  test.each([
    ['that still has all entries after them: opens as it was', 1 << 20, 'as it was'],
    ['that lacks some: not at all', 1, 'ledger-damaged'],
  ])("with the records of yesterday, and today's log %s", async (_, maxLogBytes, expected) => {
    const dir = mkdtempSync(join(tmpdir(), 'myst-damage-'))
    try {
      const path = join(dir, 'ledger.db')
      const day = async (epoch: bigint) => {
        const opened = await ledger.openTestLedger(openSqliteLedgerStore(path), { maxLogBytes })
        for (const provider of providers) await opened.apply(batchAt(provider, epoch))
        await opened.close()
        return ledger.bytesOf(opened)
      }
      await day(1n)
      copyFileSync(`${path}-records`, join(dir, 'yesterday'))
      await day(2n)
      const was = await day(3n)
      copyFileSync(join(dir, 'yesterday'), `${path}-records`)
      const outcome = await reading(path)
      expect(typeof outcome === 'string' ? outcome : 'as it was').toBe(expected)
      if (typeof outcome !== 'string') expect(outcome).toEqual(was)
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

  test('keeps whatever the records lack, however little it may keep', async () => {
    const store = createMemoryLedgerStore()
    const opened = await ledger.openTestLedger(store, { maxLogBytes: 1 })
    for (const epoch of [1n, 2n, 3n]) for (const provider of providers) await opened.apply(batchAt(provider, epoch))
    expect((await rowsOf(store)).log).toHaveLength(12)
    await opened.close()
    const again = await ledger.openTestLedger(store, { maxLogBytes: 1 })
    await again.apply(batchAt(providers[0] as Address, 4n))
    expect((await rowsOf(store)).log.map(({ sequence }) => sequence)).toEqual([13])
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

  test('whose commands no longer lead to the answers that were given is refused at the start', async () => {
    const changed = await ledgerWith({
      what: 'takes a fee that it did not take',
      file: 'exchange-batch.ts',
      find: 'const fee = feeOf(sum, feeRate)',
      put: 'const fee = feeOf(sum, feeRate) + 1n',
    })
    expect(await faultOf(killed)).toBe('opened')
    expect(await faultOf(killed, changed)).toBe('ledger-damaged')
    expect(await faultOf(newer, changed)).toBe('opened')
  })

  test('that does not lead to its records is found by a replay, and the checkpoint is named', async () => {
    const forged = await ledgerWith({
      what: 'credits one more than it says',
      file: 'exchange-batch.ts',
      find: 'credited: totals.credited + credited,',
      put: 'credited: totals.credited + credited + 1n,',
    })
    const store = createMemoryLedgerStore()
    const opened = await forged.openTestLedger(store)
    for (const provider of providers) await opened.apply(batchAt(provider, 1n))
    await opened.close()
    expect(await faultOf(await rowsOf(store))).toBe('opened')
    await expect(ledger.verifyLog(store, referenceCrypto)).rejects.toMatchObject({
      code: 'ledger-damaged',
      facts: { sequence: providers.length, why: 'its commands lead to other records' },
    })
  })
})
