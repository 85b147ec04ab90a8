import { alice, bob, mallory } from '@myst/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxUint256 } from './amount.ts'
import { type Address, type Bytes32, toHex } from './bytes.ts'
import {
  type ChannelDomain,
  hashPromise,
  noTicks,
  type PaymentPromise,
  recoverPromiseSigner,
} from './payment-promise.ts'
import { referenceCrypto as crypto } from './reference-crypto.ts'

const words = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes) as Bytes32)
const addresses = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toHex(bytes) as Address)
const amounts = fc.bigInt({ min: 0n, max: maxUint256 })
const promises: fc.Arbitrary<PaymentPromise> = fc.record({
  amount: amounts,
  hashlock: words,
  agreement: fc.record({ id: words, provider: addresses, total: amounts }),
  ticks: fc.oneof(fc.constant(noTicks), fc.record({ root: words, value: amounts, max: amounts })),
})
const channels: fc.Arbitrary<ChannelDomain> = fc.record({ chainId: amounts, channel: addresses })

const changes: readonly [
  what: string,
  change: (p: PaymentPromise, c: ChannelDomain) => [PaymentPromise, ChannelDomain],
][] = [
  ['the amount', (p, c) => [{ ...p, amount: p.amount ^ 1n }, c]],
  ['the lock', (p, c) => [{ ...p, hashlock: flip(p.hashlock) }, c]],
  ['the agreement', (p, c) => [{ ...p, agreement: { ...p.agreement, id: flip(p.agreement.id) } }, c]],
  ['the provider', (p, c) => [{ ...p, agreement: { ...p.agreement, provider: flip(p.agreement.provider) } }, c]],
  ['the total', (p, c) => [{ ...p, agreement: { ...p.agreement, total: p.agreement.total ^ 1n } }, c]],
  ['the root of the ticks', (p, c) => [{ ...p, ticks: { ...p.ticks, root: flip(p.ticks.root) } }, c]],
  ['the value of a tick', (p, c) => [{ ...p, ticks: { ...p.ticks, value: p.ticks.value ^ 1n } }, c]],
  ['the number of ticks', (p, c) => [{ ...p, ticks: { ...p.ticks, max: p.ticks.max ^ 1n } }, c]],
  ['the channel', (p, c) => [p, { ...c, channel: flip(c.channel) }]],
  ['the chain', (p, c) => [p, { ...c, chainId: c.chainId ^ 1n }]],
]

/** The last bit turned. */
function flip(hex: Address): Address {
  return `${hex.slice(0, -1)}${(Number.parseInt(hex.slice(-1), 16) ^ 1).toString(16)}` as Address
}

test('recovers whoever signed', () => {
  fc.assert(
    fc.property(promises, channels, (promise, channel) => {
      const signature = crypto.sign(hashPromise(crypto, channel, promise), alice.privateKey)
      expect(recoverPromiseSigner(crypto, channel, promise, signature)).toBe(alice.identity)
    }),
    { numRuns: 30 },
  )
})

test.each(changes)('a signature does not outlive a change of %s', (_, change) => {
  fc.assert(
    fc.property(promises, channels, fc.constantFrom(alice, bob, mallory), (promise, channel, signer) => {
      const signature = crypto.sign(hashPromise(crypto, channel, promise), signer.privateKey)
      const [otherPromise, otherChannel] = change(promise, channel)
      expect(recoverPromiseSigner(crypto, otherChannel, otherPromise, signature)).not.toBe(signer.identity)
    }),
    { numRuns: 10 },
  )
})
