/**
 * What every adapter of the LedgerStore port must do. An adapter's test calls `ledgerStoreCompliance` with a way to open it.
 *
 * @module
 */

import type { LedgerChanges, LedgerKey, LedgerRecord, LedgerStore, LogEntry, NextEntry, Rows } from '@myst/store'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

export interface LedgerStoreLab {
  /** Opens the lab's one store; after a `close`, what was kept is there again where the adapter is durable. */
  open(): LedgerStore | Promise<LedgerStore>
  close(): void
}

const record = (key: string, ...value: number[]): LedgerRecord => ({ table: 'a', key, value: Uint8Array.from(value) })
const next = (sequence: number, oldest = 1): NextEntry => ({
  entry: { sequence, hash: new Uint8Array(32).fill(sequence), body: Uint8Array.of(sequence, 7) },
  oldest,
})
const change = (records: readonly LedgerRecord[], removed: readonly LedgerKey[] = []): LedgerChanges => ({
  records,
  removed,
})
async function* parts(...all: readonly LedgerChanges[]): AsyncGenerator<LedgerChanges> {
  yield* all
}

async function all<T>(rows: Rows<T>): Promise<T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

export function ledgerStoreCompliance(
  name: string,
  openLab: () => LedgerStoreLab,
  { durable }: { readonly durable: boolean },
): void {
  describe(`ledger store: ${name}`, () => {
    let lab: LedgerStoreLab
    let store: LedgerStore
    beforeEach(async () => {
      lab = openLab()
      store = await lab.open()
    })
    afterEach(async () => {
      await store.close()
      lab.close()
    })

    const records = async (of = store) =>
      Object.fromEntries((await all(of.records())).map(({ table, key, value }) => [`${table}/${key}`, [...value]]))
    const sequences = async (of = store) => (await all(of.log())).map(({ sequence }) => sequence)

    test('starts empty', async () => {
      expect([await records(), await sequences(), (await store.reopen()) ?? 'nothing']).toEqual([{}, [], 'nothing'])
    })

    test('holds what was appended, and what was saved', async () => {
      await store.append(next(1))
      await store.save(parts(change([record('x', 1), record('y', 2)])))
      await store.append(next(2))
      expect(await records()).toEqual({ 'a/x': [1], 'a/y': [2] })
      await store.save(parts(change([record('x', 3)]), change([{ table: 'b', key: 'x', value: Uint8Array.of() }])))
      expect(await records()).toEqual({ 'a/x': [3], 'a/y': [2], 'b/x': [] })
      expect(await all(store.log())).toEqual([next(1).entry, next(2).entry])
    })

    test('forgets what it is told to forget, and that only', async () => {
      await store.save(
        parts(change([record('x', 1), record('y', 2), { table: 'b', key: 'x', value: Uint8Array.of(3) }])),
      )
      const removed = [
        { table: 'a', key: 'x' },
        { table: 'a', key: 'never there' },
      ]
      await store.save(parts(change([record('z', 4)], removed)))
      const left = { 'a/y': [2], 'a/z': [4], 'b/x': [3] }
      expect(await records()).toEqual(left)
      await store.reopen()
      expect(await records()).toEqual(left)
      await store.save(parts(change([record('x', 5)])))
      expect(await records()).toEqual({ ...left, 'a/x': [5] })
    })

    test.each(['', '/', "'; DROP TABLE records; --", 'ü水𐅑', 'x'.repeat(500)])('takes any key: %j', async (key) => {
      await store.save(parts(change([{ table: key, key, value: Uint8Array.of(1) }])))
      expect(await all(store.records())).toEqual([{ table: key, key, value: Uint8Array.of(1) }])
      await store.save(parts(change([], [{ table: key, key }])))
      expect(await all(store.records())).toEqual([])
    })

    test('takes large values', async () => {
      const body = new Uint8Array(5 << 20).fill(7)
      await store.append({ ...next(1), entry: { ...next(1).entry, body } })
      await store.save(parts(change([{ ...record('x'), value: body }])))
      expect((await all(store.log()))[0]?.body.length).toBe(body.length)
      expect((await all(store.records()))[0]?.value.length).toBe(body.length)
    })

    test('drops old entries with the one that says so', async () => {
      for (const sequence of [1, 2, 3]) await store.append(next(sequence))
      await store.append(next(4, 3))
      expect(await sequences()).toEqual([3, 4])
      await store.append(next(5, 5))
      expect(await sequences()).toEqual([5])
    })

    test.each([0, 1, 2, 4])('fences: entry %i is not the one after 2, and nothing is dropped', async (other) => {
      await store.append(next(1))
      await store.append(next(2))
      const appending = async () => store.append(next(other, 2))
      await expect(appending()).rejects.toMatchObject({ code: 'store-fenced', facts: { next: 3 } })
      expect(await sequences()).toEqual([1, 2])
      await store.append(next(3))
      expect(await sequences()).toEqual([1, 2, 3])
    })

    test('leaves nothing of what fails midway, and takes the next', async () => {
      await store.append(next(1))
      await store.save(parts(change([record('x', 1)])))
      async function* broken(): AsyncGenerator<LedgerChanges> {
        yield change([record('x', 2), record('z', 2)], [{ table: 'a', key: 'y' }])
        throw new Error('planted')
      }
      await expect(store.save(broken())).rejects.toThrow('planted')
      expect([await records(), await sequences()]).toEqual([{ 'a/x': [1] }, [1]])
      await store.save(parts(change([record('y', 3)])))
      expect(await records()).toEqual({ 'a/x': [1], 'a/y': [3] })
    })

    test('appends while records are saved', async () => {
      const ends = Promise.withResolvers<void>()
      async function* slow(): AsyncGenerator<LedgerChanges> {
        yield change([record('x', 1)])
        await ends.promise
        yield change([record('y', 2)])
      }
      const saving = store.save(slow())
      for (const sequence of [1, 2, 3]) await store.append(next(sequence))
      expect([await records(), await sequences()]).toEqual([{}, [1, 2, 3]])
      ends.resolve()
      await saving
      expect(await records()).toEqual({ 'a/x': [1], 'a/y': [2] })
    })

    test('is neither changed through what was written nor through what was read', async () => {
      const written = next(1)
      const [saved] = [record('x', 1)]
      await store.append(written)
      await store.save(parts(change([saved])))
      const fill = (...many: Uint8Array[]) => {
        for (const bytes of many) bytes.fill(9)
      }
      fill(saved.value, written.entry.hash, written.entry.body)
      for (const { value } of await all(store.records())) fill(value)
      for (const { hash, body } of await all(store.log())) fill(hash, body)
      expect([await records(), await all(store.log())]).toEqual([{ 'a/x': [1] }, [next(1).entry]])
    })

    test('reopens with all that was kept, and goes on', async () => {
      await store.append(next(1))
      await store.save(parts(change([record('x', 1)])))
      expect(await store.reopen()).toEqual(next(1).entry)
      await store.append(next(2))
      await store.save(parts(change([record('y', 2)])))
      expect([await records(), await sequences()]).toEqual([{ 'a/x': [1], 'a/y': [2] }, [1, 2]])
    })

    test('behaves as a map and a list would, over anything kept and any reopenings', async () => {
      const one = fc.record({ key: fc.constantFrom('x', 'y', ''), value: fc.uint8Array({ maxLength: 4 }) })
      const step = fc.record({
        changes: fc.option(fc.array(one, { maxLength: 5 })),
        after: fc.constantFrom('nothing', 'reopen', 'close'),
        keep: fc.integer({ min: 1, max: 4 }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
          const own = openLab()
          let opened = await own.open()
          const model: Record<string, number[]> = {}
          let log: number[] = []
          try {
            for (const [index, { changes, after, keep }] of steps.entries()) {
              const sequence = index + 1
              const oldest = Math.max(log[0] ?? 1, sequence - keep)
              await opened.append(next(sequence, oldest))
              if (changes !== null) {
                await opened.save(parts(...changes.map(({ key, value }) => change([record(key, ...value)]))))
                for (const { key, value } of changes) model[`a/${key}`] = [...value]
              }
              log = [...log, sequence].filter((of) => of >= oldest)
              if (after === 'reopen') expect(((await opened.reopen()) as LogEntry).sequence).toBe(sequence)
              if (after === 'close' && durable) {
                await opened.close()
                opened = await own.open()
              }
              expect([await records(opened), await sequences(opened)]).toEqual([model, log])
            }
          } finally {
            await opened.close()
            own.close()
          }
        }),
        { numRuns: durable ? 15 : 100 },
      )
    })
  })
}
