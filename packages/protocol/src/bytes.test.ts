import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesToUint, concatBytes, equalBytes, fromHex, isAddress, isBytes32, toHex, uintToBytes } from './bytes.ts'

test('bytes come back from their hex, in either case', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes)
      expect(fromHex(`0x${toHex(bytes).slice(2).toUpperCase()}`)).toEqual(bytes)
    }),
  )
})

test('a megabyte has its hex, too', () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, at) => at * 7)
  expect(equalBytes(fromHex(toHex(bytes)), bytes)).toBe(true)
})

test.each(['', '00', '0x0', '0xg0', '0x 1', '0x+1', '0x1 ', '0X00', '0xé0', '0x0é'])(
  'reads no bytes from %j',
  (text) => {
    expect(() => fromHex(text)).toThrow(RangeError)
  },
)

test('integers come back from their words, and never lose a byte', () => {
  const sized = fc.tuple(fc.bigInt({ min: 0n, max: (1n << 264n) - 1n }), fc.integer({ min: 1, max: 32 }))
  fc.assert(
    fc.property(sized, ([value, length]) => {
      if (value >> BigInt(8 * length) !== 0n) expect(() => uintToBytes(value, length)).toThrow(RangeError)
      else {
        expect(uintToBytes(value, length)).toHaveLength(length)
        expect(bytesToUint(uintToBytes(value, length))).toBe(value)
      }
    }),
  )
  expect(() => uintToBytes(-1n)).toThrow(RangeError)
})

test('a word of 32 bytes holds its value, over all four parts', () => {
  const edges = [64, 128, 192, 256].flatMap((bits) => [1n << BigInt(bits - 1), (1n << BigInt(bits)) - 1n])
  const words = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })
  fc.assert(
    fc.property(fc.oneof(words, fc.constantFrom(0n, ...edges)), (value) => {
      expect(toHex(uintToBytes(value))).toBe(`0x${value.toString(16).padStart(64, '0')}`)
    }),
  )
})

test('joins and compares', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), (parts) => {
      expect(concatBytes(...parts)).toEqual(Uint8Array.from(parts.flatMap((part) => [...part])))
    }),
  )
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1))).toBe(true)
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(2))).toBe(false)
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 2))).toBe(false)
})

test('an address has 20 bytes in lower case, a word 32', () => {
  expect(isAddress(`0x${'ab'.repeat(20)}`)).toBe(true)
  expect(isBytes32(`0x${'ab'.repeat(32)}`)).toBe(true)
  for (const other of [`0x${'AB'.repeat(20)}`, `0x${'ab'.repeat(19)}`, `0x${'ab'.repeat(20)}\n`, 'ab', 7, undefined]) {
    expect(isAddress(other)).toBe(false)
    expect(isBytes32(other)).toBe(false)
  }
})
