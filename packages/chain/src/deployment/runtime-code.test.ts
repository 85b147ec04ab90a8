import { fromHex, toHex } from '@myst/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstDifference, runtimeCodes, tokenImmutables, wordOf } from './runtime-code.ts'

const names = Object.keys(runtimeCodes) as (keyof typeof runtimeCodes)[]
const value = wordOf(`0x${'ab'.repeat(20)}`)
const other = wordOf(7n)

/** As it is on chain, every immutable holding `value`. */
function deployed(name: keyof typeof runtimeCodes): Uint8Array {
  const { deployedBytecode, immutables } = runtimeCodes[name]
  const code = fromHex(deployedBytecode)
  for (const place of immutables.flat()) code.set(fromHex(value), place)
  return code
}

describe.each(names)('%s', (name) => {
  const expected = runtimeCodes[name]
  const code = deployed(name)
  const places: readonly number[] = expected.immutables.flat()
  const differs = (found: Uint8Array, values = new Set([value])) => firstDifference(expected, found, values)

  test('is told by its own code', () => {
    expect(places.length).toBeGreaterThan(0)
    expect(differs(code)).toBeUndefined()
  })

  test('a changed byte is named, wherever it is', () => {
    fc.assert(
      fc.property(fc.nat(code.length - 1), fc.integer({ min: 1, max: 255 }), (byte, bits) => {
        const changed = Uint8Array.from(code)
        changed[byte] = (changed[byte] ?? 0) ^ bits
        const word = places.find((place) => place <= byte && byte < place + 32)
        expect(differs(changed)).toBe(word ?? byte)
      }),
      { numRuns: 50 },
    )
  })

  test('a foreign value in an immutable is named, and one that is not the same everywhere', () => {
    for (const copies of expected.immutables) {
      const all = Uint8Array.from(code)
      for (const place of copies) all.set(fromHex(other), place)
      expect(differs(all)).toBe(copies[0])
      expect(differs(all, new Set([value, other]))).toBeUndefined()
      const last = copies.at(-1) ?? 0
      if (copies.length === 1) continue
      const one = Uint8Array.from(code)
      one.set(fromHex(other), last)
      expect(differs(one, new Set([value, other]))).toBe(last)
    }
  })

  test('code that is cut off, or goes on, is not the same', () => {
    expect(differs(code.subarray(0, -1))).toBe(code.length - 1)
    expect(differs(fromHex(`${toHex(code)}00`))).toBe(code.length)
    expect(differs(new Uint8Array())).toBe(0)
  })
})

test("a token's immutables are its domain", () => {
  const token = `0x${'11'.repeat(20)}` as const
  const values = tokenImmutables(token, 31_337n)
  expect(values.size).toBe(7)
  expect(values).toContain(wordOf(token))
  expect(values).not.toEqual(tokenImmutables(token, 137n))
})
