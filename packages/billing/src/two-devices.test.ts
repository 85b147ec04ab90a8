/**
 * One key on two machines: each asks before it pays, as the node does before each connection.
 */

import type { PayerFacts, PayerTerms } from '@myst/payments'
import {
  type Bytes32,
  type ConsumerStanding,
  referenceCrypto as crypto,
  type Invoice,
  type SignedPromise,
  toHex,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { adoptShown } from './adopt-shown.ts'
import { deriveKeys } from './keys.ts'
import { openPayerBook, type PayerBook } from './payer-book.ts'

const keys = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const bob = crypto.addressOf(new Uint8Array(32).fill(0xb0))
const channel = { chainId: 31337n, channel: crypto.addressOf(new Uint8Array(32).fill(0xcc)) }
const word = (fill: number): Bytes32 => toHex(new Uint8Array(32).fill(fill))
const restoreJump = 1_000n
const price = { perHour: 3_600_000n, perGib: 0n }
const pace = { minInvoiceMs: 0, maxInvoiceMs: 60_000, maxInvoiceAmount: 100n }
const capacity = 10n ** 9n

/** What the accountant has of this channel: the highest promise that a provider exchanged. */
let highest: SignedPromise | undefined

const machine = (): PayerBook => openPayerBook(crypto, createMemoryStore(), keys, channel)

const ask = (book: PayerBook) =>
  adoptShown(
    {
      crypto,
      book,
      consumerStanding: async (): Promise<ConsumerStanding> => ({
        channel: channel.channel,
        capacity,
        ...(highest && { highest }),
      }),
    },
    { keys, channel, restoreJump },
  )

/** A session of one invoice. @returns its promise, which the provider has not exchanged yet. */
function pay(book: PayerBook, session: number, total: bigint): SignedPromise {
  const terms: PayerTerms = { provider: bob, agreementId: word(session), price, pace }
  const usage = { durationMs: total, bytes: 0n }
  const facts: PayerFacts = { nowMs: 1_000_000, usage, capacity, sessionOpen: true }
  const invoice: Invoice = { agreementId: word(session), total, hashlock: word(100 + session), ...usage }
  book.open(word(session))
  const answered = book.answer(invoice, terms, facts)
  if (!answered.ok) throw new Error(answered.refusal.code)
  return answered.value
}

test('used in turns, no money is promised twice, and each switch skips no more than one jump', async () => {
  highest = undefined
  const machines = [machine(), machine()] as const
  let spent = 0n
  let switches = 0n
  for (let session = 1; session <= 8; session++) {
    const book = machines[session % 2] as PayerBook
    const before = highest?.promise.amount ?? 0n
    // The first of all has nobody before it.
    expect(await ask(book)).toBe(session === 1 ? undefined : before)
    if (session > 1) switches += 1n
    const promised = pay(book, session, 70n)
    expect(promised.promise.amount - 70n).toBeGreaterThanOrEqual(before)
    spent += 70n
    highest = promised
  }
  expect((highest?.promise.amount ?? 0n) - spent).toBe(switches * restoreJump)
})

test('both at once: what the second one promised is below the first, till it asks again; nobody believes a promise of another key', async () => {
  highest = undefined
  const [phone, laptop] = [machine(), machine()]
  await Promise.all([ask(phone), ask(laptop)])
  const first = pay(phone, 1, 90n)
  const second = pay(laptop, 2, 70n)
  // Both draw on the same money: this is what the accountant refuses, as promise-amount-behind.
  expect(second.promise.amount).toBeLessThan(first.promise.amount)
  highest = first
  expect(await ask(laptop)).toBe(90n)
  expect(pay(laptop, 3, 70n).promise.amount).toBe(90n + restoreJump + 70n)
  highest = { ...first, promise: { ...first.promise, amount: 10n ** 6n } }
  await expect(ask(phone)).rejects.toMatchObject({ code: 'accountant-answer-invalid' })
})
