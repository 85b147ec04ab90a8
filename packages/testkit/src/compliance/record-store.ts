/**
 * What every adapter of the RecordStore port must do. An adapter's test calls `recordStoreCompliance` with a way to open it.
 *
 * @module
 */

import { field, message, text, uint } from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

export interface StoreLab {
  /** Opens the lab's one store; after a `close`, what was committed is there again where the adapter is durable. */
  open(): RecordStore
  close(): void
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)
const put = (key: string, value: Uint8Array, of = 'a'): RecordWrite => ({ table: of, key, value })
const remove = (key: string, of = 'a'): RecordWrite => ({ table: of, key })

export function recordStoreCompliance(
  name: string,
  openLab: () => StoreLab,
  { durable }: { readonly durable: boolean },
): void {
  describe(`record store: ${name}`, () => {
    let lab: StoreLab
    let store: RecordStore
    beforeEach(() => {
      lab = openLab()
      store = lab.open()
    })
    afterEach(() => {
      store.close()
      lab.close()
    })

    const load = (of = 'a', from = store): Record<string, number[]> =>
      Object.fromEntries([...from.load(of)].map(({ key, value }) => [key, [...value]]))

    test('starts empty', () => expect(load()).toEqual({}))

    test('holds what was committed, replaces it, removes it', () => {
      store.commit([put('x', bytes(1)), put('y', bytes(2))])
      store.commit([put('x', bytes(3))])
      expect(load()).toEqual({ x: [3], y: [2] })
      store.commit([remove('y'), remove('never there')])
      expect(load()).toEqual({ x: [3] })
    })

    test('keeps tables apart', () => {
      store.commit([put('x', bytes(1), 'a'), put('x', bytes(2), 'b')])
      store.commit([remove('x', 'a')])
      expect([load('a'), load('b')]).toEqual([{}, { x: [2] }])
    })

    test('lets the last write to a key win within a commit', () => {
      store.commit([put('x', bytes(1)), remove('x'), put('x', bytes(2)), put('y', bytes(3)), remove('y')])
      expect(load()).toEqual({ x: [2] })
    })

    test('takes an empty commit, an empty value and a large one', () => {
      const large = new Uint8Array(3 << 20).fill(7)
      store.commit([])
      store.commit([put('empty', bytes()), put('large', large)])
      const lengths = [...store.load('a')].map(({ key, value }) => [key, value.length])
      expect(lengths).toEqual([
        ['empty', 0],
        ['large', large.length],
      ])
    })

    test.each(['', '/', 'a/b', "'; DROP TABLE records; --", 'ü水𐅑', 'x'.repeat(500)])('takes any key: %j', (key) => {
      store.commit([put(key, bytes(1), key)])
      expect(load(key)).toEqual({ [key]: [1] })
    })

    test('is neither changed through what was written nor through what was read', () => {
      const written = bytes(1, 2)
      store.commit([put('x', written)])
      written.fill(9)
      for (const { value } of store.load('a')) value.fill(9)
      expect(load()).toEqual({ x: [1, 2] })
    })

    test('a look that is broken off does not get in the way', () => {
      store.commit([put('x', bytes(1)), put('y', bytes(2))])
      for (const _ of store.load('a')) break
      store.commit([put('z', bytes(3))])
      expect(Object.keys(load())).toEqual(['x', 'y', 'z'])
    })

    test('leaves nothing of a commit that fails midway', () => {
      store.commit([put('x', bytes(1))])
      const bad = [put('x', bytes(2)), put('y', bytes(2)), { table: 'a', key: 'z', value: 5 as never }]
      expect(() => store.commit(bad)).toThrow()
      expect(load()).toEqual({ x: [1] })
    })

    test('behaves as a map would, over any commits and reopenings', () => {
      const write = fc.record({
        table: fc.constantFrom('a', 'b'),
        key: fc.constantFrom('x', 'y', 'z', ''),
        value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined, freq: 4 }),
      })
      const step = fc.record({ writes: fc.array(write, { maxLength: 6 }), reopen: fc.boolean() })
      fc.assert(
        fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
          const own = openLab()
          let opened = own.open()
          const model: Record<string, Map<string, number[]>> = { a: new Map(), b: new Map() }
          try {
            for (const { writes, reopen } of steps) {
              opened.commit(writes.map(({ value, ...where }) => (value === undefined ? where : { ...where, value })))
              for (const { table, key, value } of writes) {
                if (value === undefined) model[table]?.delete(key)
                else model[table]?.set(key, [...value])
              }
              if (reopen && durable) {
                opened.close()
                opened = own.open()
              }
              expect(load('a', opened)).toEqual(Object.fromEntries(model.a ?? []))
              expect(load('b', opened)).toEqual(Object.fromEntries(model.b ?? []))
            }
          } finally {
            opened.close()
            own.close()
          }
        }),
        { numRuns: durable ? 25 : 100 },
      )
    })

    describe('with typed tables over it', () => {
      const people = table('people', message({ name: field(0, text(10)), amount: field(1, uint(256)) }))

      test('records come back as they were', () => {
        const alice = { name: 'Alice', amount: (1n << 256n) - 1n }
        store.commit([people.put('a', alice), people.put('b', { name: 'Bob', amount: 0n })])
        store.commit([people.remove('b')])
        expect(people.load(store)).toEqual(new Map([['a', alice]]))
      })

      test.each([
        ['no CBOR at all', bytes(0xff)],
        ['cut short', people.put('a', { name: 'Alice', amount: 1n }).value?.slice(0, -1)],
        ['of another shape', bytes(0x80)],
        ['empty', bytes()],
        ['out of its bounds', people.put('a', { name: 'A name too long', amount: 1n }).value],
      ])('refuses a record that is %s, and says which', (_, value) => {
        store.commit([put('a', value ?? bytes(), 'people')])
        expect(() => people.load(store)).toThrow(
          expect.objectContaining({
            code: 'record-corrupt',
            facts: expect.objectContaining({ table: 'people', key: 'a' }),
          }),
        )
      })
    })

    if (durable) {
      test('everything is there after a reopening', () => {
        store.commit([put('x', bytes(1)), put('y', bytes(2))])
        store.commit([remove('x')])
        store.close()
        store = lab.open()
        expect(load()).toEqual({ y: [2] })
      })
    }
  })
}
