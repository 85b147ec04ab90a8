import { myst } from '@myst/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultSettlerPolicy as policy, reasonToSettle } from './settler.ts'

const rows: [what: string, reason: string | undefined, unsettled: bigint, guarantee: bigint, fee: bigint][] = [
  ['nothing to settle', undefined, 0n, 0n, 0n],
  ['the fee takes it all', undefined, 4n * myst, 0n, 4n * myst],
  ['a little', undefined, myst, 0n, myst / 100n],
  ['80 % of the allowance, without a guarantee', 'near-capacity', 4n * myst, 0n, myst],
  ['a base unit less', undefined, 4n * myst - 1n, 0n, myst],
  ['80 % of guarantee and allowance', 'near-capacity', 12n * myst, 10n * myst, myst],
  ['20 MYST, however high the fee', 'amount', 20n * myst, 100n * myst, 19n * myst],
  ['5 MYST for 5 %', 'cheap', 5n * myst, 100n * myst, myst / 4n],
  ['5 MYST for more', undefined, 5n * myst, 100n * myst, myst / 4n + 1n],
  ['a base unit less than 5 MYST', undefined, 5n * myst - 1n, 100n * myst, 1n],
]
test.each(rows)('%s: %s', (_, reason, unsettled, guarantee, fee) => {
  expect(reasonToSettle({ unsettled, guarantee, fee }, policy)).toBe(reason)
})

test('never when the fee takes it all, always when a fifth of what may stay unsettled is left', () => {
  const sums = fc.bigInt(0n, 100n * myst)
  fc.assert(
    fc.property(sums, sums, sums, (unsettled, guarantee, fee) => {
      const reason = reasonToSettle({ unsettled, guarantee, fee }, policy)
      if (unsettled <= fee) expect(reason).toBeUndefined()
      else if (5n * unsettled >= 4n * (guarantee + policy.allowance)) expect(reason).toBe('near-capacity')
      else if (reason !== undefined) expect(unsettled).toBeGreaterThanOrEqual(policy.whenCheap)
    }),
  )
})
