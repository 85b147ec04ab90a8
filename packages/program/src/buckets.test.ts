import { expect, test } from 'vitest'
import { addressBlock, createBuckets } from './buckets.ts'

test('so many at once, then so many an hour', () => {
  const buckets = createBuckets({ burst: 2, perHour: 60 })
  expect([0, 0, 0, 30_000, 60_000, 60_000].map((nowMs) => buckets.take('a', nowMs))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
  ])
  expect(buckets.take('b', 60_000)).toBe(true)
})

test('a clock that goes back gives nothing', () => {
  const buckets = createBuckets({ burst: 1, perHour: 60 })
  expect([1_000_000, 0, 59_000].map((nowMs) => buckets.take('a', nowMs))).toEqual([true, false, false])
})

test('memory stays bounded, and who is at its limit stays there while others come and go', () => {
  const buckets = createBuckets({ burst: 1, perHour: 1 })
  for (let key = 0; key < 30_000; key++) {
    if (key % 1000 === 0) expect(buckets.take('mallory', key)).toBe(key === 0)
    buckets.take(String(key), key)
  }
  expect(buckets.size()).toBeLessThanOrEqual(10_000)
})

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1::6', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s counts as %s', (ip, block) => {
  expect(addressBlock(ip)).toBe(block)
})
