import { expect, test } from 'vitest'
import { bytesText, coinText, delayText, durationText, gasText, mystText } from './wording.ts'

test.each([
  ['0', '0 MYST'],
  ['1', '<0.000001 MYST'],
  ['999999999999', '<0.000001 MYST'],
  ['1000000000000', '0.000001 MYST'],
  ['46470038592815400', '0.04647 MYST'],
  ['1999999999999999999', '1.999999 MYST'],
  ['1000000000000000001', '1 MYST'],
  ['123000000000000000000', '123 MYST'],
])('%s base units read as %s: never more than there is', (amount, text) => {
  expect(mystText(amount)).toBe(text)
})

test.each([
  ['0', '0 B'],
  ['1023', '1023 B'],
  ['1024', '1.0 KiB'],
  ['39583744', '37.8 MiB'],
  [String(2n ** 60n), '1.0 EiB'],
])('%s bytes read as %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_700_000, '1 h 1 min'],
])('%i ms read as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

test.each([
  ['0', '0', '0'],
  ['1', '0.000000000000000001', '0.000000000000000001'],
  ['12345', '0.00000000000001235', '0.00000000000001234'],
  ['32533518000000000', '0.03254', '0.03253'],
  ['10000000000000000', '0.01', '0.01'],
  ['9999999999999999', '0.01', '0.009999'],
  ['1999999999999999999', '2', '1.999'],
  ['9999988550773166793695', '9999.989', '9999.988'],
])('%s of the smallest coins cost %s at most, and are %s at least', (wei, up, down) => {
  expect([coinText(wei, 'up'), coinText(wei, 'down')]).toEqual([up, down])
})

test.each([
  ['345600', '4 days'],
  ['86400', '1 day'],
  ['90000', '25 hours'],
  ['60', '1 minute'],
  ['61', '61 seconds'],
  ['1', '1 second'],
])('a delay of %s s reads as %s', (seconds, text) => {
  expect(delayText(seconds)).toBe(text)
})

test('gas is grouped', () => {
  expect(['0', '999', '21000', '7685584'].map(gasText)).toEqual(['0', '999', '21 000', '7 685 584'])
})
