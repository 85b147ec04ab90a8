/**
 * Whatever an honest payer signs is no contradiction: over random sessions with several providers, old backups among them.
 */

import { type ChannelDomain, hashPromise, provesRefusal, type SignedPromise, toHex, uintToBytes } from '@myst/protocol'
import { alice, bob, carol, dave, toyCrypto } from '@myst/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { adoptAmount, agreementKey, answerInvoice, emptyPayer, forgetAgreement, type PayerState } from './payer.ts'

const channel: ChannelDomain = { chainId: 31_337n, channel: `0x${'c1'.repeat(20)}` }
const providers = [bob, carol, dave].map(({ identity }) => identity)
const word = (value: number) => toHex(uintToBytes(BigInt(value)))
const price = { perHour: 3_600_000n, perGib: 0n }
const pace = { minInvoiceMs: 0, maxInvoiceMs: 60_000, maxInvoiceAmount: 100n }
const facts = { nowMs: 0, usage: { durationMs: 10n ** 9n, bytes: 0n }, capacity: 10n ** 30n, sessionOpen: true }

const small = fc.nat({ max: 6 })
const event = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('invoice'), of: small, by: small, more: small, lock: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget'), of: small, by: small, more: small, lock: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore'), of: small, by: small, more: small, lock: small }) },
)

/** Plays the events with one book. @returns all it signed, each with what its channel had promised before its agreement. */
function play(events: readonly { kind: string; of: number; by: number; more: number; lock: number }[]) {
  const signed: { readonly promise: SignedPromise; readonly since: bigint }[] = []
  const books: PayerState[] = [emptyPayer]
  const begun = new Map<string, bigint>()
  const invoiced = new Map<string, bigint>()
  const closed = new Set<string>()
  let book: PayerState = emptyPayer
  for (const { kind, of, by, more, lock } of events) {
    const provider = providers[of % providers.length] as (typeof providers)[number]
    const id = word(1 + (by % 3))
    const key = agreementKey(provider, id)
    if (kind === 'restore') {
      const highest = signed.reduce(
        (most, { promise }) => (promise.promise.amount > most ? promise.promise.amount : most),
        0n,
      )
      // What the accountant has of it lies below by what it has not been sent, at most.
      const unexchanged = BigInt(more) < highest ? BigInt(more) : highest
      book = adoptAmount(books[by % books.length] as PayerState, highest - unexchanged, unexchanged)
    } else if (kind === 'forget') {
      book = forgetAgreement(book, provider, id)
      closed.add(key)
    } else if (!closed.has(key)) {
      if (!begun.has(key)) begun.set(key, book.amount)
      // The provider goes on from its own total, or from the one that an old book remembers.
      const before = lock % 2 === 0 ? (invoiced.get(key) ?? 0n) : (book.agreements.get(key)?.total ?? 0n)
      const total = before + BigInt(more)
      const invoice = { agreementId: id, total, hashlock: word(7 + lock), durationMs: 0n, bytes: 0n }
      const answered = answerInvoice(book, invoice, { provider, agreementId: id, price, pace }, facts)
      if (!answered.ok) continue
      book = answered.value.state
      const { promise } = answered.value
      const signature = toyCrypto.sign(hashPromise(toyCrypto, channel, promise), alice.privateKey)
      signed.push({ promise: { consumer: alice.identity, promise, signature }, since: begun.get(key) ?? 0n })
      invoiced.set(key, total)
    }
    books.push(book)
  }
  return signed
}

test('no set of its promises proves anything against an honest consumer, old backups and all', () => {
  let proofs = 0
  fc.assert(
    fc.property(fc.array(event, { maxLength: 17 }), (events) => {
      const signed = play(events)
      const all = signed.map(({ promise }) => promise)
      for (const { promise, since } of signed) {
        const others = all.filter((one) => one !== promise).slice(-16)
        expect(provesRefusal(toyCrypto, channel, promise, others, since)).toBe(false)
        proofs += others.length > 3 ? 1 : 0
      }
    }),
    { numRuns: process.env.MYST_LONG === '1' ? 20_000 : 1_000 },
  )
  expect(proofs).toBeGreaterThan(500)
})
