import type { Address } from '@myst/protocol'
import { alice, bob, carol, dave } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BountyTerms, nothingProven, type Proven, provenSince, shareBudget } from './bounty-plan.ts'

const [a, b, c] = [alice.identity, bob.identity, carol.identity].sort() as [Address, Address, Address]
const provenOf = (of: Record<Address, bigint>, fees: bigint): Proven => {
  const providers = new Map(Object.entries(of) as [Address, bigint][])
  return { credited: [...providers.values()].reduce((sum, one) => sum + one, 0n), fees, providers }
}
/** Fees are no limit. */
const proven = provenOf({ [a]: 50n, [b]: 30n, [c]: 20n }, 10_000n)
const terms: BountyTerms = { budget: 10n, ofFees: 100n, least: 0n }
const given = (of: Proven, change: Partial<BountyTerms> = {}, maxRows = 10) =>
  shareBudget(of, { ...terms, ...change }, maxRows).map(({ provider, bounty }) => [provider, bounty])

describe('the budget is shared', () => {
  test('in proportion to what was credited', () => {
    expect(given(proven)).toEqual([
      [a, 5n],
      [b, 3n],
      [c, 2n],
    ])
  })
  test('rounded down, and what is left over stays', () => {
    expect(given(provenOf({ [a]: 1n, [b]: 1n, [c]: 1n }, 1000n))).toEqual([
      [a, 3n],
      [b, 3n],
      [c, 3n],
    ])
  })
  test('up to the fees that each one brought, and so many percent of them', () => {
    const of = provenOf({ [a]: 60n, [b]: 20n }, 20n)
    expect(given(of, { budget: 1000n })).toEqual([
      [a, 15n],
      [b, 5n],
    ])
    expect(given(of, { budget: 1000n, ofFees: 50n })).toEqual([
      [a, 7n],
      [b, 2n],
    ])
    expect(given(of, { budget: 1000n, ofFees: 300n })).toEqual([
      [a, 45n],
      [b, 15n],
    ])
  })
  test('up to a most and from a least on for each; what they leave goes to nobody', () => {
    expect(given(proven, { most: 4n, least: 3n })).toEqual([
      [a, 4n],
      [b, 3n],
    ])
  })
  test('among those who are named, whose fees alone count', () => {
    expect(given(provenOf({ [a]: 60n, [b]: 20n }, 20n), { budget: 1000n, only: new Set([b]) })).toEqual([[b, 5n]])
  })
  test('among the largest, where there are more than a plan takes', () => {
    expect(given(proven, {}, 2)).toEqual([
      [a, 5n],
      [b, 3n],
    ])
  })
  test('with nobody where nothing was proven', () => {
    expect(given(nothingProven)).toEqual([])
    expect(given({ ...proven, credited: 0n })).toEqual([])
  })
})

test('no plan gives more than its budget, nor more than the fees, and nobody more than its own', () => {
  const sums = fc.array(fc.bigInt(0n, 10n ** 22n), { minLength: 1, maxLength: 4 })
  const property = fc.property(sums, fc.bigInt(1n, 10n ** 22n), fc.bigInt(0n, 9_999n), (credited, budget, rate) => {
    const people = [alice, bob, carol, dave].map(({ identity }) => identity)
    const of = Object.fromEntries(credited.map((one, index) => [people[index], one]))
    const fees = (credited.reduce((sum, one) => sum + one, 0n) * rate) / (10_000n - rate)
    const rows = shareBudget(provenOf(of, fees), { ...terms, budget }, 10)
    const sum = rows.reduce((total, { bounty }) => total + bounty, 0n)
    expect(sum <= budget && sum <= fees).toBe(true)
    for (const row of rows) expect(row.bounty * (10_000n - rate)).toBeLessThanOrEqual(row.credited * rate)
  })
  fc.assert(property, { numRuns: 1000 })
})

describe('since an earlier plan', () => {
  test('counts what came after it, of newcomers all', () => {
    const since = provenSince(provenOf({ [a]: 60n, [b]: 20n }, 20n), provenOf({ [a]: 50n }, 12n))
    expect(since).toEqual({
      credited: 30n,
      fees: 8n,
      providers: new Map([
        [a, 10n],
        [b, 20n],
      ]),
    })
  })
  test('who has less than then gets nothing', () => {
    const since = provenSince(provenOf({ [a]: 40n, [b]: 60n }, 20n), provenOf({ [a]: 50n }, 0n))
    expect(since && given(since)).toEqual([[b, 10n]])
  })
  test('there is none where the other one is not earlier', () => {
    expect(provenSince(provenOf({ [a]: 5n }, 2n), provenOf({ [a]: 6n }, 2n))).toBeUndefined()
    expect(provenSince(provenOf({ [a]: 5n }, 2n), provenOf({ [a]: 5n }, 3n))).toBeUndefined()
  })
})
