import { expect, test } from 'vitest'
import { createPacer, tightest } from './money-left.ts'

test('the least that is left is what counts; without limits there is none', () => {
  expect(tightest([])).toBeUndefined()
  const left = [
    { limit: 'budget', amount: 5n },
    { limit: 'day', amount: 3n },
    { limit: 'channel', amount: 4n },
  ] as const
  expect(tightest(left)).toEqual({ limit: 'day', amount: 3n })
})

test('money lasts as long as the pace of the last minutes says', () => {
  const pacer = createPacer(0)
  expect(pacer.lastsMs(100n)).toBeUndefined()
  pacer.note(2_000, 20n)
  expect(pacer.lastsMs(100n)).toBeUndefined()
  pacer.note(10_000, 100n)
  expect(pacer.lastsMs(1000n)).toBe(100_000)
  expect(pacer.costOf(4_000)).toBe(40n)
})

test('a download of an hour ago is no pace, and who uses nothing is warned of nothing', () => {
  const pacer = createPacer(0)
  for (let atMs = 0; atMs <= 600_000; atMs += 2000) pacer.note(atMs, atMs < 100_000 ? BigInt(atMs) : 100_000n)
  expect(pacer.lastsMs(1n)).toBeUndefined()
  pacer.note(602_000, 100_300n)
  // 300 in some five minutes.
  expect(pacer.lastsMs(300n)).toBeGreaterThan(295_000)
  expect(pacer.lastsMs(300n)).toBeLessThan(310_000)
})
