import { type Address, referenceCrypto as crypto } from '@myst/protocol'
import { expect, test } from 'vitest'
import { createPacer, type Debtor, moneyLeft, type Pacer, sharedLimits } from './money-left.ts'

const [bob, dan] = [0xb0, 0xd0].map((byte) => crypto.addressOf(new Uint8Array(32).fill(byte))) as [Address, Address]
const debtor = (provider: Address, owed: bigint, pacer: Pacer = createPacer(0), isParting = false): Debtor => ({
  provider,
  owed,
  pacer,
  isParting,
})
/** 1 a millisecond, for ten seconds. */
function steady(): Pacer {
  const pacer = createPacer(0)
  for (let atMs = 2000; atMs <= 10_000; atMs += 2000) pacer.note(atMs, BigInt(atMs))
  return pacer
}

test('what everybody owes is taken off what they share, and for each a reserve is kept until it is looked at again', () => {
  const [one, two] = [debtor(bob, 5n, steady()), debtor(dan, 7n, steady())]
  const left = moneyLeft('channel', 20_012n, [one, two])
  expect(left).toEqual({ limit: 'channel', free: 20_000n, reserve: 8_000n, lastsMs: 10_000 })
})

test('who pays its last invoice still owes it, and uses nothing more', () => {
  const left = moneyLeft('channel', 100n, [debtor(bob, 30n, steady(), true)])
  expect(left).toEqual({ limit: 'channel', free: 70n, reserve: 0n, lastsMs: undefined })
})

test('a provider’s day is shared by the sessions with him, the day and the channel by all', () => {
  const debtors = new Set([debtor(bob, 1n), debtor(bob, 2n), debtor(dan, 40n)])
  const book = { amount: 100n, leftFor: (provider?: Address) => (provider === undefined ? 90n : 80n) }
  const free = sharedLimits({ book, debtors }, bob, 200n).map((left) => [left.limit, left.free])
  expect(free).toEqual([
    ['day', 47n],
    ['day', 77n],
    ['channel', 57n],
  ])
  expect(sharedLimits({ book: { amount: 0n, leftFor: () => undefined }, debtors }, bob, 200n)).toHaveLength(1)
})

test('money lasts as long as the pace of the last minutes says, and no pace is told from a download that begins', () => {
  const pacer = createPacer(0)
  const lasts = (amount: bigint) => moneyLeft('budget', amount, [debtor(bob, 0n, pacer)]).lastsMs
  expect(lasts(100n)).toBeUndefined()
  pacer.note(2_000, 20n)
  expect(lasts(100n)).toBeUndefined()
  expect(pacer.mostIn(4_000)).toBe(40n)
  pacer.note(10_000, 100n)
  expect(lasts(1000n)).toBe(100_000)
})

test('a download of an hour ago is no pace, and who uses nothing is warned of nothing', () => {
  const pacer = createPacer(0)
  const lasts = (amount: bigint) => moneyLeft('budget', amount, [debtor(bob, 0n, pacer)]).lastsMs
  for (let atMs = 0; atMs <= 600_000; atMs += 2000) pacer.note(atMs, atMs < 100_000 ? BigInt(atMs) : 100_000n)
  expect(lasts(1n)).toBeUndefined()
  pacer.note(602_000, 100_300n)
  // 300 in some five minutes.
  expect(lasts(300n)).toBeGreaterThan(295_000)
  expect(lasts(300n)).toBeLessThan(310_000)
  // For a download that begins after all that, the two seconds since the last look count.
  expect(pacer.mostIn(4_000)).toBe(600n)
})
