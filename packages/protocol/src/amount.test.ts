import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatMyst, maxUint256, myst, parseBaseUnits, parseMyst } from './amount.ts'

describe('MYST for people', () => {
  test.each([
    ['0', 0n],
    ['1', myst],
    ['0.003', 3n * 10n ** 15n],
    ['0.000000000000000001', 1n],
    ['1_000.5', 1000n * myst + myst / 2n],
    ['007', 7n * myst],
  ])('%j is %s base units', (text, amount) => expect(parseMyst(text)).toEqual({ ok: true, value: amount }))

  test.each([
    '',
    '_',
    '.',
    '1.',
    '.5',
    '-1',
    '+1',
    '1e18',
    '0x1',
    ' 1',
    '1 ',
    '1,5',
    '1.0000000000000000001',
    '1.5.5',
    '١',
    'NaN',
    '9'.repeat(60),
  ])('refuses %j', (text) => expect(parseMyst(text)).toMatchObject({ ok: false, refusal: { code: 'amount-invalid' } }))

  test('every amount comes back from its text, exactly and without trailing zeros', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 77n - 1n }), (amount) => {
        const text = formatMyst(amount)
        expect(parseMyst(text)).toEqual({ ok: true, value: amount })
        expect(text).not.toMatch(/\.\d*0$|\.$/)
      }),
    )
  })

  test('a loss is written with its sign', () => expect(formatMyst(-myst / 2n)).toBe('-0.5'))
})

describe('base units for JSON', () => {
  test('every uint256 comes back from its text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: maxUint256 }), (amount) => {
        expect(parseBaseUnits(amount.toString())).toEqual({ ok: true, value: amount })
      }),
    )
    expect(parseBaseUnits(maxUint256.toString()).ok).toBe(true)
  })

  const bad = [
    '',
    '-1',
    '-0',
    '00',
    '01',
    '1.0',
    '1e18',
    '0x10',
    ' 1',
    '1\n',
    '1_000',
    (maxUint256 + 1n).toString(),
    '9'.repeat(100),
  ]
  test.each([...bad, 1, 1n, null, undefined, [], {}])('refuses %s', (text) => {
    const verdict = parseBaseUnits(text)
    expect(verdict).toMatchObject({ ok: false, refusal: { code: 'amount-invalid' } })
    expect(JSON.stringify(verdict).length).toBeLessThan(200)
  })
})
