import { toHex, uintToBytes } from '@myst/protocol'
import { expect, test } from 'vitest'
import { mixedHash } from './mixed-hash.ts'

const nameOf = (bytes: Uint8Array) => toHex(mixedHash(bytes))

test('every bit and the length of the input count', () => {
  const input = Uint8Array.from({ length: 37 }, (_, index) => 7 * index)
  const seen = new Set([nameOf(input)])
  for (let bit = 0; bit < 8 * input.length; bit++) {
    const changed = input.slice()
    changed[bit >> 3] = (input[bit >> 3] as number) ^ (1 << (bit & 7))
    seen.add(nameOf(changed))
  }
  for (let length = 0; length < 64; length++) seen.add(nameOf(new Uint8Array(length)))
  expect(seen.size).toBe(1 + 8 * 37 + 64)
})

test('ten thousand numbers differ in each eight of its bytes', () => {
  const parts = [0, 8, 16, 24].map((at) => ({ at, seen: new Set<string>() }))
  for (let number = 0n; number < 10_000n; number++) {
    const hash = mixedHash(uintToBytes(number))
    for (const { at, seen } of parts) seen.add(toHex(hash.subarray(at, at + 8)))
  }
  for (const { seen } of parts) expect(seen.size).toBe(10_000)
})
