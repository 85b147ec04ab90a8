import fc from 'fast-check'
import { expect, test } from 'vitest'
import { firstOffer, raiseOffer } from './sending.ts'

const wei = fc.bigInt({ min: 1n, max: 10n ** 15n })
const market = fc
  .tuple(wei, wei)
  .map(([base, tip]) => ({ expected: base + tip, maxFeePerGas: 2n * base + tip, maxPriorityFeePerGas: tip }))

test('an offer is never above its maximum, and a raise is an eighth in both figures', () => {
  fc.assert(
    fc.property(market, fc.array(market, { maxLength: 40 }), wei, (first, later, most) => {
      let offer = firstOffer(first, most)
      for (const now of later) {
        expect(offer.maxFeePerGas).toBeLessThanOrEqual(most)
        expect(offer.maxPriorityFeePerGas).toBeLessThanOrEqual(offer.maxFeePerGas)
        const raised = raiseOffer(offer, now, most)
        if (raised === undefined) continue
        expect(raised.maxFeePerGas * 8n).toBeGreaterThanOrEqual(offer.maxFeePerGas * 9n)
        expect(raised.maxPriorityFeePerGas * 8n).toBeGreaterThanOrEqual(offer.maxPriorityFeePerGas * 9n)
        offer = raised
      }
    }),
  )
})

test('a raise follows the market up to the maximum, and then waits', () => {
  const offer = { maxFeePerGas: 100n, maxPriorityFeePerGas: 10n }
  expect(
    raiseOffer(offer, { expected: 9_000n, maxFeePerGas: 10_000n, maxPriorityFeePerGas: 10n }, 300n)?.maxFeePerGas,
  ).toBe(300n)
  expect(raiseOffer(offer, { expected: 1n, maxFeePerGas: 1n, maxPriorityFeePerGas: 1n }, 113n)?.maxFeePerGas).toBe(113n)
  expect(
    raiseOffer(offer, { expected: 9_000n, maxFeePerGas: 10_000n, maxPriorityFeePerGas: 10n }, 112n),
  ).toBeUndefined()
})
