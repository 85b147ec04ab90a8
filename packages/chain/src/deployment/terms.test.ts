import { myst } from '@myst/protocol'
import { expect, test } from 'vitest'
import { checkTerms, delayNames, hastyDelays, scaleTerms, usualTerms } from './terms.ts'

const tenYearsS = 3650n * 86_400n

test('the usual terms are in order, and nothing in them is hasty', () => {
  expect(checkTerms(usualTerms)).toEqual({ ok: true, value: usualTerms })
  expect(hastyDelays(usualTerms)).toEqual([])
})

test.each([
  ['registrationFee', 0n, myst],
  ['minimumOperatorStake', 0n, (1n << 96n) - 1n],
  ...delayNames.map((name) => [name, 1n, tenYearsS] as const),
] as const)('%s: from %i to %i, as in the contract', (term, least, most) => {
  for (const value of [least, most]) expect(checkTerms({ ...usualTerms, [term]: value }).ok).toBe(true)
  for (const value of [least - 1n, most + 1n]) {
    expect(checkTerms({ ...usualTerms, [term]: value })).toEqual({
      ok: false,
      refusal: { code: 'terms-out-of-range', term, value, least, most },
    })
  }
})

test.each(delayNames)('a shorter %s is hasty, a longer one is not', (name) => {
  expect(hastyDelays({ ...usualTerms, [name]: usualTerms[name] - 1n })).toEqual([name])
  expect(hastyDelays({ ...usualTerms, [name]: usualTerms[name] + 1n })).toEqual([])
})

test('amounts follow the decimals of the token, and are never rounded', () => {
  expect(scaleTerms(usualTerms, 6)).toMatchObject({
    value: { registrationFee: 100_000n, minimumOperatorStake: 10n ** 8n },
  })
  expect(scaleTerms(usualTerms, 18)).toMatchObject({ value: usualTerms })
  expect(scaleTerms(usualTerms, 0)).toEqual({
    ok: false,
    refusal: { code: 'amount-too-fine', amount: myst / 10n, decimals: 0 },
  })
})
