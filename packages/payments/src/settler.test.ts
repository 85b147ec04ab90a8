import { myst } from '@myst/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allowanceAt, defaultSettlerPolicy as policy, reasonToSettle, type SettlerFacts } from './settler.ts'

const facts = (unsettled: bigint, guarantee: bigint, fee: bigint, more: Partial<SettlerFacts> = {}): SettlerFacts => ({
  unsettled,
  guarantee,
  fee,
  allowance: policy.allowance,
  ageMs: 0,
  atRisk: false,
  ...more,
})
const late = { ageMs: policy.maxAgeMs }
const rows: [what: string, reason: string | undefined, of: SettlerFacts][] = [
  ['nothing to settle', undefined, facts(0n, 0n, 0n, { ...late, atRisk: true, allowance: 0n })],
  ['the fee takes it all', undefined, facts(4n * myst, 0n, 4n * myst)],
  ['a little', undefined, facts(myst, 0n, myst / 100n)],
  ['80 % of the allowance, without a guarantee', 'near-capacity', facts(4n * myst, 0n, myst)],
  ['a base unit less', undefined, facts(4n * myst - 1n, 0n, myst)],
  ['80 % of guarantee and allowance', 'near-capacity', facts(12n * myst, 10n * myst, myst)],
  ['80 % of a smaller allowance', 'near-capacity', facts(8n * myst, 9n * myst, myst, { allowance: myst })],
  ['an accountant at risk', 'at-risk', facts(myst, 10n * myst, myst / 20n, { atRisk: true })],
  ['the same for more than 5 %', undefined, facts(myst, 10n * myst, myst / 20n + 1n, { atRisk: true })],
  ['20 MYST, however high the fee', 'amount', facts(20n * myst, 100n * myst, 19n * myst)],
  ['5 MYST for 5 %', 'cheap', facts(5n * myst, 100n * myst, myst / 4n)],
  ['5 MYST for more', undefined, facts(5n * myst, 100n * myst, myst / 4n + 1n)],
  ['a base unit less than 5 MYST', undefined, facts(5n * myst - 1n, 100n * myst, 1n)],
  ['a week old', 'age', facts(100n, 100n * myst, 5n, late)],
  ['a week old, and the fee more than 5 %', undefined, facts(100n, 100n * myst, 6n, late)],
  ['a millisecond less than a week old', undefined, facts(100n, 100n * myst, 5n, { ageMs: policy.maxAgeMs - 1 })],
]
test.each(rows)('%s: %s', (_, reason, of) => {
  expect(reasonToSettle(of, policy)).toBe(reason)
})

test('never when the fee takes it all, always when a fifth of what may stay unsettled is left', () => {
  const sums = fc.bigInt(0n, 100n * myst)
  fc.assert(
    fc.property(sums, sums, sums, sums, fc.boolean(), (unsettled, guarantee, fee, allowance, atRisk) => {
      const reason = reasonToSettle(facts(unsettled, guarantee, fee, { allowance, atRisk }), policy)
      if (unsettled <= fee) expect(reason).toBeUndefined()
      else if (5n * unsettled >= 4n * (guarantee + allowance)) expect(reason).toBe('near-capacity')
      else if (reason !== undefined && !atRisk) expect(unsettled).toBeGreaterThanOrEqual(policy.whenCheap)
    }),
  )
})

test('the allowance is one for all accountants, and at each at most a hundredth of what it has at stake', () => {
  expect(allowanceAt(policy, 1000n * myst, 0n)).toBe(5n * myst)
  expect(allowanceAt(policy, 100n * myst, 0n)).toBe(myst)
  expect(allowanceAt(policy, 1000n * myst, 2n * myst)).toBe(3n * myst)
  expect(allowanceAt(policy, 1000n * myst, 6n * myst)).toBe(0n)
})
