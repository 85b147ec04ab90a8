import { alice, bob, carol, dave, mallory, type Person, toyCrypto } from '@myst/testkit'
import { expect, test } from 'vitest'
import { type Address, type Bytes32, toHex, uintToBytes } from './bytes.ts'
import { findContradiction, maxProofPromises, provesRefusal } from './contradiction.ts'
import type { Crypto } from './crypto.ts'
import { type ChannelDomain, hashPromise, noTicks, type SignedPromise } from './payment-promise.ts'
import { referenceCrypto } from './reference-crypto.ts'

const word = (value: number): Bytes32 => toHex(uintToBytes(BigInt(value)))
const channel: ChannelDomain = { chainId: 31_337n, channel: `0x${'c1'.repeat(20)}` }

interface Signing {
  readonly by?: Person
  readonly as?: Address
  readonly domain?: ChannelDomain
  readonly crypto?: Crypto
  readonly provider?: Address
  readonly id?: number
  readonly lock?: number
}

/** Alice's promise to Bob, where nothing else is said. */
function promise(amount: bigint, total: bigint, of: Signing = {}): SignedPromise {
  const { by = alice, as = by.identity, domain = channel, crypto = toyCrypto, provider = bob.identity } = of
  const agreement = { id: word(of.id ?? 1), provider, total }
  const signed = { amount, hashlock: word(of.lock ?? 7), agreement, ticks: noTicks }
  return { consumer: as, promise: signed, signature: crypto.sign(hashPromise(crypto, domain, signed), by.privateKey) }
}
const toCarol = { provider: carol.identity }
const toDave = { provider: dave.identity }
const proves = (refused: SignedPromise, proof: readonly SignedPromise[], since?: bigint) =>
  provesRefusal(toyCrypto, channel, refused, proof, since)

test('proves what was promised twice from the beginning', () => {
  expect(proves(promise(10n, 10n), [promise(15n, 6n, toCarol)])).toBe(true)
  expect(proves(promise(10n, 10n), [promise(16n, 6n, toCarol)])).toBe(false)
  expect(proves(promise(10n, 4n), [promise(9n, 3n, toCarol), promise(12n, 6n, toDave)])).toBe(true)
  expect(proves(promise(10n, 4n), [promise(9n, 3n, toCarol), promise(13n, 6n, toDave)])).toBe(false)
})

test('proves what was promised twice after a long history, by what other agreements grew by meanwhile', () => {
  const others = [promise(1_000n, 5n, toCarol), promise(1_020n, 25n, toCarol)]
  expect(proves(promise(1_010n, 3n), others)).toBe(true)
  // Between them is room for one unit: that may be it.
  expect(proves(promise(1_010n, 3n), [promise(1_000n, 5n, toCarol), promise(1_020n, 24n, toCarol)])).toBe(false)
  const grown = [promise(1_005n, 1n), ...others]
  expect(proves(promise(1_030n, 11n), grown)).toBe(false)
  expect(proves(promise(1_030n, 17n), grown)).toBe(true)
})

test('proves that one amount was promised to two', () => {
  expect(proves(promise(1_000n, 3n), [promise(1_000n, 3n, toCarol)])).toBe(true)
  expect(proves(promise(1_000n, 3n), [promise(1_000n, 3n, { id: 2 })])).toBe(true)
  expect(proves(promise(1_000n, 3n), [promise(1_000n, 3n, { lock: 8 })])).toBe(false)
})

test('counts what the provider knows of the beginning of its agreement', () => {
  const others = [promise(1_000n, 5n, toCarol), promise(1_010n, 15n, toCarol)]
  expect(proves(promise(1_015n, 6n), others)).toBe(false)
  expect(proves(promise(1_015n, 6n), others, 1_000n)).toBe(true)
  expect(proves(promise(1_015n, 5n), others, 1_000n)).toBe(false)
  expect(proves(promise(1_015n, 6n), others, 999n)).toBe(false)
})

test('is none without the refused promise in it', () => {
  const contradiction = [promise(10n, 10n, toCarol), promise(10n, 10n, toDave)]
  expect(proves(promise(30n, 5n), contradiction)).toBe(false)
  expect(proves(promise(9n, 5n), contradiction)).toBe(true)
  expect(proves(promise(10n, 10n), [])).toBe(false)
  expect(proves(promise(10n, 10n), [promise(10n, 10n), promise(10n, 10n, { lock: 8 })])).toBe(false)
})

test('is none in other signatures than the consumer’s for this channel', () => {
  const refused = promise(10n, 10n)
  const foreign = { ...toCarol, by: mallory, as: alice.identity }
  expect(proves(refused, [promise(15n, 6n, foreign)])).toBe(false)
  expect(proves(refused, [promise(15n, 6n, { ...toCarol, by: mallory })])).toBe(false)
  expect(proves(refused, [promise(15n, 6n, { ...toCarol, domain: { ...channel, chainId: 1n } })])).toBe(false)
  const otherChannel: ChannelDomain = { ...channel, channel: mallory.identity }
  expect(proves(refused, [promise(15n, 6n, { ...toCarol, domain: otherChannel })])).toBe(false)
  const { signature, ...unsigned } = promise(15n, 6n, toCarol)
  expect(proves(refused, [{ ...unsigned, signature: signature.with(0, 1 ^ (signature[0] as number)) }])).toBe(false)
  expect(proves(promise(10n, 10n, foreign), [promise(15n, 6n, toCarol)])).toBe(false)
})

test('is none with a signature that no contract takes', () => {
  const [refused, other] = [
    promise(10n, 10n, { crypto: referenceCrypto }),
    promise(15n, 6n, { ...toCarol, crypto: referenceCrypto }),
  ]
  expect(provesRefusal(referenceCrypto, channel, refused, [other])).toBe(true)
  expect(provesRefusal(referenceCrypto, channel, refused, [{ ...other, signature: highS(other.signature) }])).toBe(
    false,
  )
})

test('is none above its size', () => {
  const padding = Array.from({ length: maxProofPromises - 1 }, () => promise(15n, 6n, toCarol))
  expect(proves(promise(10n, 10n), [...padding, promise(15n, 6n, toCarol)])).toBe(true)
  expect(proves(promise(10n, 10n), [...padding, ...padding])).toBe(false)
})

test('shows no more than is needed', () => {
  const needed = promise(24n, 12n, toCarol)
  const others = [promise(3n, 1n, toDave), promise(8n, 2n, toCarol), needed, promise(40n, 9n, toDave)]
  expect(findContradiction(promise(20n, 14n).promise, others)).toEqual([needed])
  expect(findContradiction(promise(30n, 4n, { id: 3 }).promise, others)).toBeUndefined()
})

test('what a search finds proves it, and what it finds nothing in proves nothing', () => {
  let state = 1
  const under = (limit: number): number => {
    state = (state * 48_271) % 0x7fffffff
    return state % limit
  }
  const counts = { found: 0, nothing: 0 }
  for (let story = 0; story < 400; story++) {
    const base = 500 * under(2)
    const one = (ids: number) => promise(BigInt(base + 30 + under(60)), BigInt(1 + under(25)), { id: 1 + under(ids) })
    const others = Array.from({ length: 1 + under(8) }, () => one(4))
    const refused = one(5)
    const latestBegin = refused.promise.amount - refused.promise.agreement.total
    const proof = findContradiction(refused.promise, others)
    if (proof !== undefined) {
      counts.found += 1
      expect(proves(refused, proof, latestBegin)).toBe(true)
      continue
    }
    counts.nothing += 1
    const begins = others.map((other) => other.promise.amount).filter((amount) => amount <= latestBegin)
    for (const since of [0n, ...begins]) expect(proves(refused, others, since)).toBe(false)
  }
  expect(Math.min(counts.found, counts.nothing)).toBeGreaterThan(40)
})

test('searches in a bounded number of steps, whatever was promised', () => {
  const others: SignedPromise[] = []
  for (let n = 1; n <= maxProofPromises; n++) {
    others.push(promise(BigInt(1_000 + 7 * n), BigInt(1 + ((n * n) % 5)), { id: n % 5 }))
    const count = others.length + 1
    for (let amount = 1_000n; amount < 1_120n; amount += 5n) {
      const work = { steps: 0 }
      findContradiction(promise(amount, 1n + (amount % 60n), { id: 9 }).promise, others, work)
      expect(work.steps).toBeGreaterThan(0)
      expect(work.steps).toBeLessThanOrEqual(5 * count ** 2)
    }
  }
})

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
function highS(signature: Uint8Array): Uint8Array {
  const s = BigInt(toHex(signature.slice(32, 64)))
  return new Uint8Array([
    ...signature.slice(0, 32),
    ...uintToBytes(curveOrder - s),
    (signature[64] as number) === 27 ? 28 : 27,
  ])
}
