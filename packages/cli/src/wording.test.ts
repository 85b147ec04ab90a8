import { expect, test } from 'vitest'
import { bytesText, durationText, mystText } from './wording.ts'

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
