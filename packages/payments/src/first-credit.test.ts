import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressPrefix, type FirstCreditState, grantFirstCredit, noGrants, returnFirstCredit } from './first-credit.ts'

const limits = { perPrefixPerHour: 3, perDay: 100n }
const hourMs = 3_600_000
const grant = (state: FirstCreditState | undefined, prefix: string, nowMs: number, amount = 3n) =>
  state && grantFirstCredit(state, { prefix, amount, nowMs }, limits)

describe('W37: a crowd of fresh identities', () => {
  test('gets three first credits an hour from one prefix, and a fourth an hour later', () => {
    const three = grant(grant(grant(noGrants, 'a', 0), 'a', 1), 'a', 2)
    expect(three?.grants).toHaveLength(3)
    expect(grant(three, 'a', hourMs - 1)).toBeUndefined()
    expect(grant(three, 'a', hourMs)?.grants).toHaveLength(4)
    expect(grant(three, 'b', 3)?.grants).toHaveLength(4)
  })

  test('gets no more than a day’s sum from all prefixes together', () => {
    const spent = grant(grant(noGrants, 'a', 0, 60n), 'b', 0, 40n)
    expect(grant(spent, 'c', 1, 1n)).toBeUndefined()
    expect(grant(spent, 'c', 24 * hourMs, 1n)?.grants).toHaveLength(1)
  })

  test('whatever it tries, in any hour and any day', () => {
    const tries = fc.record({
      prefix: fc.constantFrom('a', 'b', 'c', 'd'),
      waitMs: fc.nat(2 * hourMs),
      amount: fc.bigInt(1n, 30n),
    })
    fc.assert(
      fc.property(fc.array(tries, { maxLength: 80 }), (steps) => {
        let state = noGrants
        let nowMs = 0
        const granted: { prefix: string; atMs: number; amount: bigint }[] = []
        for (const { prefix, waitMs, amount } of steps) {
          nowMs += waitMs
          const next = grantFirstCredit(state, { prefix, amount, nowMs }, limits)
          if (next === undefined) continue
          state = next
          granted.push({ prefix, atMs: nowMs, amount })
        }
        for (const { prefix, atMs } of granted) {
          const within = (ms: number) => granted.filter((other) => other.atMs <= atMs && atMs - other.atMs < ms)
          expect(within(hourMs).filter((other) => other.prefix === prefix).length).toBeLessThanOrEqual(3)
          expect(within(24 * hourMs).reduce((sum, { amount }) => sum + amount, 0n)).toBeLessThanOrEqual(100n)
        }
      }),
    )
  })
})

test('whoever paid no longer counts against the day, and still counts against its prefix', () => {
  const spent = grant(grant(noGrants, 'a', 0, 60n), 'a', 0, 40n) as FirstCreditState
  const returned = returnFirstCredit(spent, 'a')
  expect(grant(returned, 'b', 1, 40n)).toBeDefined()
  expect(grant(returned, 'b', 1, 41n)).toBeUndefined()
  expect(grant(grant(returned, 'a', 1, 1n), 'a', 2, 1n)).toBeUndefined()
  expect(returnFirstCredit(spent, 'unknown')).toBe(spent)
})

test.each([
  ['203.0.113.7', '203.0.113'],
  ['203.0.113.250', '203.0.113'],
  ['2001:db8:7::1', '2001:db8:7'],
  ['2001:0db8:0007:ffff::1', '2001:db8:7'],
  ['2001:DB8:7:1:2:3:4:5', '2001:db8:7'],
  ['2001:db8::1', '2001:db8:0'],
  ['::1', '0:0:0'],
  ['::', '0:0:0'],
  ['2001::', '2001:0:0'],
  ['::ffff:203.0.113.7', '203.0.113'],
])('the prefix of %s is %s', (host, prefix) => expect(addressPrefix(host)).toBe(prefix))
