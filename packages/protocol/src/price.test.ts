import { readVectors } from '@myst/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Price, totalCost } from './price.ts'

interface PriceVector {
  readonly price: { readonly perHour: string; readonly perGib: string }
  readonly usage: { readonly durationMs: string; readonly bytes: string }
  readonly total: string
}

const amounts = fc.bigInt({ min: 0n, max: 10n ** 30n })
const prices: fc.Arbitrary<Price> = fc.record({ perHour: amounts, perGib: amounts })
const usages = fc.record({
  durationMs: fc.bigInt({ min: 0n, max: 1n << 50n }),
  bytes: fc.bigInt({ min: 0n, max: 1n << 60n }),
})

test.each(readVectors<PriceVector>('price'))('published: $name', ({ price, usage, total }) => {
  const { perHour, perGib } = price
  const { durationMs, bytes } = usage
  const cost = totalCost(
    { perHour: BigInt(perHour), perGib: BigInt(perGib) },
    { durationMs: BigInt(durationMs), bytes: BigInt(bytes) },
  )
  expect(cost).toBe(BigInt(total))
})

test('rounds each part up by less than a base unit', () => {
  fc.assert(
    fc.property(prices, usages, (price, usage) => {
      const scale = 3_600_000n * (1n << 30n)
      const exact = price.perHour * usage.durationMs * (1n << 30n) + price.perGib * usage.bytes * 3_600_000n
      const over = totalCost(price, usage) * scale - exact
      expect(over >= 0n && over < 2n * scale).toBe(true)
    }),
  )
})

test('more use never costs less, and splitting a session never costs less than the whole', () => {
  fc.assert(
    fc.property(prices, usages, usages, (price, a, b) => {
      const sum = totalCost(price, { durationMs: a.durationMs + b.durationMs, bytes: a.bytes + b.bytes })
      expect(sum >= totalCost(price, a)).toBe(true)
      expect(sum <= totalCost(price, a) + totalCost(price, b)).toBe(true)
    }),
  )
})

test('no use is free of charge, and negative use is our own bug', () => {
  fc.assert(fc.property(prices, (price) => totalCost(price, { durationMs: 0n, bytes: 0n }) === 0n))
  expect(() => totalCost({ perHour: 1n, perGib: 1n }, { durationMs: -1n, bytes: 0n })).toThrow('bug:')
  expect(() => totalCost({ perHour: 1n, perGib: 1n }, { durationMs: 0n, bytes: -1n })).toThrow('bug:')
})
