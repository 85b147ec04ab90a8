import { readVectors } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from './bytes.ts'
import type { CborValue } from './cbor.ts'
import { decodeCbor, encodeCbor, notationOf } from './testing.ts'

const vectors = readVectors<{ bytes: Hex; accepted: boolean; notation?: string }>('cbor')

const atoms = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
  fc.bigInt({ min: 0n, max: 1n << 66n }),
  fc.boolean(),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.uint8Array({ maxLength: 80 }),
)
const { tree: values } = fc.letrec<{ tree: CborValue }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    atoms,
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.dictionary(fc.nat(0xffff).map(String), tie('tree'), { maxKeys: 5 }).map((entries) => {
      const map = new Map(Object.entries(entries).map(([key, value]) => [Number(key), value]))
      return new Map([...map].sort(([a], [b]) => a - b))
    }),
  ),
}))

describe('published vectors', () => {
  const good = vectors.filter(({ accepted }) => accepted)
  const bad = vectors.filter(({ accepted }) => !accepted)

  test.each(good)('$name', ({ bytes, notation }) => {
    const value = decodeCbor(fromHex(bytes))
    expect(notationOf(value)).toBe(notation)
    expect(toHex(encodeCbor(value))).toBe(bytes)
  })

  test.each(bad)('refuses: $name', ({ bytes }) => {
    expect(() => decodeCbor(fromHex(bytes))).toThrow(RangeError)
  })
})

test('every value comes back from its bytes', () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(decodeCbor(encodeCbor(value))).toEqual(value)
    }),
  )
})

test('a map has one encoding, in whatever order it was filled', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(0xffff), { maxLength: 8 }), (keys) => {
      const of = (order: readonly number[]) => encodeCbor(new Map(order.map((key) => [key, BigInt(key)])))
      expect(of(keys)).toEqual(of([...keys].reverse()))
    }),
  )
})

test('whatever is accepted is what its value encodes to: no value has two encodings', () => {
  let accepted = 0
  const onlyIfCanonical = (bytes: Uint8Array): void => {
    let value: CborValue
    try {
      value = decodeCbor(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
      return
    }
    accepted += 1
    expect(equalBytes(encodeCbor(value), bytes)).toBe(true)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), onlyIfCanonical), { numRuns: 2000 })
  const mutated = fc.tuple(values, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
    const bytes = encodeCbor(value)
    bytes[at % bytes.length] = byte
    return bytes
  })
  fc.assert(fc.property(mutated, onlyIfCanonical), { numRuns: 2000 })
  expect(accepted).toBeGreaterThan(100)
})

test('every encoding that is cut short or goes on is refused', () => {
  fc.assert(
    fc.property(values, fc.nat(), (value, cut) => {
      const bytes = encodeCbor(value)
      expect(() => decodeCbor(bytes.subarray(0, cut % bytes.length))).toThrow(RangeError)
      expect(() => decodeCbor(concatBytes(bytes, Uint8Array.of(0)))).toThrow(RangeError)
    }),
  )
})

test('what was decoded keeps no hold on the bytes it came from', () => {
  const bytes = encodeCbor(Uint8Array.of(1, 2, 3))
  const value = decodeCbor(bytes)
  bytes.fill(0)
  expect(value).toEqual(Uint8Array.of(1, 2, 3))
})

describe('bombs cost no more than they weigh', () => {
  const nested = (head: number, depth: number) => new Uint8Array(depth).fill(head)
  const bombs: [what: string, bytes: Uint8Array][] = [
    ['arrays in arrays, 64 KiB deep', nested(0x81, 65_536)],
    ['maps in maps', concatBytes(...Array.from({ length: 20_000 }, () => Uint8Array.of(0xa1, 0x00)))],
    ['an array that claims 2⁶³ items', fromHex('0x9b8000000000000000')],
    [
      'eight arrays that each claim all that is left',
      concatBytes(...Array.from({ length: 8 }, () => fromHex('0x99ffff'))),
    ],
    ['a map that claims 2³² entries', fromHex('0xba7fffffff')],
    ['text that claims 2⁶³ bytes', fromHex('0x7b8000000000000000')],
  ]
  test.each(bombs)('%s', (_, bytes) => {
    const startedMs = performance.now()
    expect(() => decodeCbor(bytes)).toThrow(RangeError)
    expect(performance.now() - startedMs).toBeLessThan(1000)
  })

  test('eight levels are enough for every message, nine are refused', () => {
    const deep = (levels: number) => concatBytes(nested(0x81, levels), Uint8Array.of(0))
    expect(notationOf(decodeCbor(deep(8)))).toBe('[[[[[[[[0]]]]]]]]')
    expect(() => decodeCbor(deep(9))).toThrow('nested too deep')
  })
})

test('encodes no negative and no 257-bit integer', () => {
  expect(() => encodeCbor(-1n)).toThrow(RangeError)
  expect(() => encodeCbor(1n << 256n)).toThrow(RangeError)
})
