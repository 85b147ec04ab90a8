import { expect, test } from 'vitest'
import { garbagePercent } from './heap-growth.ts'

test.each([
  [9, 100],
  [96, 100],
  [128, 75],
  [192, 50],
  [384, 25],
  [4096, 25],
])('beside %i MiB of accounts, garbage of %i in a hundred', (mib, percent) =>
  expect(garbagePercent(mib * 2 ** 20)).toBe(percent),
)
