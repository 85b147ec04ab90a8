/**
 * What the ledger shows with a refusal, checked as a provider checks it.
 */

import {
  type Address,
  type BatchAnswer,
  batchAnswerSchema,
  decodeMessage,
  hashPromise,
  type ItemVerdict,
  itemRefusals,
  maxBatchItems,
  provesRefusal,
  type SignedPromise,
} from '@myst/protocol'
import { alice, bob, carol, dave, mallory, toyCrypto } from '@myst/testkit'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ChannelAccount, maxOpenItems, proofOf } from './channel-account.ts'
import type { ItemFacts } from './commands.ts'
import { randomOf } from './crash.fixture.ts'
import { maxSearchSteps } from './exchange-batch.ts'
import { keptPromises } from './kept-promises.ts'
import type { Ledger } from './ledger.ts'
import { channelOf, commandOf, item, lockOf, openTestLedger, preimageOf, word } from './testing.ts'

let ledger: Ledger
let epochs: Map<Address, { epoch: bigint; amount: bigint }>
beforeEach(async () => {
  ledger = await openTestLedger()
  epochs = new Map()
})

const channel = { chainId: 31_337n, channel: channelOf(alice.identity) }
const proves = (refused: SignedPromise, { proof = [] }: ItemVerdict, since?: bigint) =>
  provesRefusal(toyCrypto, channel, refused, proof, since)
const epochOf = (provider: Address) => (epochs.get(provider)?.epoch ?? 0n) + 1n

/** Alice's, for this provider's next batch. */
function promise(provider: Address, amount: bigint, total: bigint, id = 1): SignedPromise {
  const lock = lockOf(provider, epochOf(provider))
  const signed = item({ consumer: alice.identity, provider, amount, total, id: word(id), lock })
  return { ...signed, signature: toyCrypto.sign(hashPromise(toyCrypto, channel, signed.promise), alice.privateKey) }
}

/** The next batch; its predecessor's preimage goes along. */
async function send(
  provider: Address,
  items: readonly SignedPromise[],
  changes: Partial<ItemFacts> = {},
): Promise<readonly ItemVerdict[]> {
  const { epoch, amount } = epochs.get(provider) ?? { epoch: 0n, amount: 0n }
  const shown = epoch === 0n ? {} : { lastPreimage: preimageOf(provider, epoch) }
  const hashlock = lockOf(provider, epoch + 1n)
  const batch = { provider, epoch: epoch + 1n, hashlock, previousAmount: amount, items, ...shown }
  const result = await ledger.apply(commandOf(batch, changes))
  if (result.kind === 'refused') throw new Error(result.refusal.code)
  const answer = decodeMessage(batchAnswerSchema, result.answer.content, 1 << 20)
  if (!answer.ok) throw new Error(answer.refusal.code)
  const { promise: newest, verdicts }: BatchAnswer = answer.value
  epochs.set(provider, { epoch: newest.epoch, amount: newest.amount })
  return verdicts
}
const exchange = async (provider: Address, amount: bigint, total: bigint, id?: number) => {
  const signed = promise(provider, amount, total, id)
  const [verdict] = await send(provider, [signed])
  return { signed, verdict: verdict as ItemVerdict }
}

describe('proves a refusal', () => {
  test('of a channel that is young', async () => {
    await exchange(bob.identity, 10n, 10n)
    const { signed, verdict } = await exchange(carol.identity, 15n, 6n)
    expect(verdict).toMatchObject({ code: 'promise-breaks-prefix', final: true })
    expect(proves(signed, verdict)).toBe(true)
  })

  test('where an amount is behind', async () => {
    await exchange(bob.identity, 10n, 10n)
    const { signed, verdict } = await exchange(carol.identity, 6n, 6n)
    expect(verdict).toMatchObject({ code: 'promise-amount-behind', final: true })
    expect(proves(signed, verdict)).toBe(true)
  })

  test('of a session that goes on beside another one, after a long history', async () => {
    for (let n = 1; n <= 100; n++) await exchange(dave.identity, BigInt(n), 1n, n)
    await exchange(bob.identity, 110n, 10n)
    await exchange(carol.identity, 130n, 20n)
    for (const n of [1n, 2n, 3n]) await exchange(bob.identity, 130n + 10n * n, 10n + 10n * n)
    const { signed, verdict } = await exchange(carol.identity, 150n, 40n)
    expect(verdict).toMatchObject({ code: 'promise-amount-behind' })
    expect(proves(signed, verdict)).toBe(true)
  })

  test('of a session that has just begun, with what its provider knows of its beginning', async () => {
    for (let n = 1; n <= 100; n++) await exchange(dave.identity, BigInt(n), 1n, n)
    await exchange(bob.identity, 110n, 10n)
    await exchange(bob.identity, 130n, 30n)
    const { signed, verdict } = await exchange(carol.identity, 135n, 15n)
    expect(verdict).toMatchObject({ code: 'promise-breaks-prefix' })
    // It could have begun before Bob's: who does not know better has to take it so.
    expect([proves(signed, verdict, 110n), proves(signed, verdict, 120n), proves(signed, verdict)]).toEqual([
      true,
      true,
      false,
    ])
  })
})

const ledgerKept = () => keptPromises(ledger.get('channels', channel.channel)?.kept, alice.identity)

test('keeps six promises of a channel, however many were credited', async () => {
  for (let n = 1; n <= 20; n++) await exchange(bob.identity, BigInt(n), BigInt(n))
  expect(ledgerKept().map(({ promise: { amount } }) => amount)).toEqual([1n, 20n])
  for (let n = 1; n <= 20; n++) await exchange(carol.identity, BigInt(20 + n), 1n, n)
  expect(ledgerKept().map(({ promise: { amount } }) => amount)).toEqual([35n, 36n, 37n, 38n, 39n, 40n])
})

test('shows nothing to whoever has no good signature', async () => {
  await exchange(bob.identity, 10n, 10n)
  const probe = promise(mallory.identity, 15n, 6n)
  const [verdict] = await send(mallory.identity, [probe], { signer: mallory.identity })
  expect(verdict).toEqual({ code: 'promise-wrong-signer', delta: 0n, final: true })
})

test('an answer proves as much as it has room for; the rest comes again', async () => {
  await exchange(bob.identity, 9n, 3n)
  await exchange(dave.identity, 12n, 4n)
  await exchange(mallory.identity, 13n, 4n)
  const items = Array.from({ length: 400 }, (_, n) => promise(carol.identity, 10n, 3n, n))
  const verdicts = await send(carol.identity, items)
  const later = verdicts.filter(({ code }) => code === 'promise-proof-later')
  expect([verdicts[0]?.proof?.length, later.length, later[0]?.final]).toEqual([3, 63, false])
  const [again] = await send(carol.identity, [promise(carol.identity, 10n, 3n, 399)])
  expect(again).toMatchObject({ code: 'promise-amount-behind', final: true })
})

test('a batch that is refused whole takes no more searching than an answer has room for', async () => {
  // Steps of a thousand, and of each agreement one promise: nothing is proven, and all that is kept is looked through.
  for (let n = 1; n <= 100; n++) await exchange(dave.identity, BigInt(n) * 1000n, 1000n, n)
  const items = Array.from({ length: maxBatchItems }, (_, n) => promise(carol.identity, 100_500n, 600n, n))
  const account = ledger.get('channels', channel.channel)
  const verdicts = await send(carol.identity, items)
  const work = { steps: 0 }
  const searched = items.filter((_, index) => verdicts[index]?.code === 'promise-breaks-prefix')
  for (const one of searched) expect(proofOf(account as ChannelAccount, one, work)).toBeUndefined()
  expect(work.steps).toBeGreaterThanOrEqual(maxSearchSteps)
  expect(work.steps).toBeLessThan(maxSearchSteps + 1024)
  expect(verdicts.filter(({ code }) => code === 'promise-proof-later')).toHaveLength(items.length - searched.length)
})

test('a channel that is full of what is not revealed waits', async () => {
  const one = (n: number) => promise(bob.identity, BigInt(n), 1n, n)
  await send(
    bob.identity,
    Array.from({ length: maxOpenItems }, (_, n) => one(n + 1)),
  )
  const { verdict } = await exchange(carol.identity, 5_000n, 1n)
  expect(verdict).toEqual({ code: 'promise-too-many-unrevealed', delta: 0n, final: false })
  await send(bob.identity, [])
  expect((await exchange(carol.identity, 5_000n, 1n)).verdict).toEqual({ delta: 1n })
})

test('every proof that is given holds, and most of what two books of one consumer promise twice is proven', async () => {
  const random = randomOf(7)
  const under = (limit: number) => Math.floor(random() * limit)
  const providers = [bob, carol, dave, mallory].map(({ identity }) => identity)
  const sums = { refused: 0n, proven: 0n, proofs: 0 }
  for (let story = 0; story < 100; story++) {
    ledger = await openTestLedger()
    epochs = new Map()
    const books = [0n, 0n]
    let ids = 0
    const begin = (book: number) => {
      const since = ledger.get('channels', channel.channel)?.highest?.promise.amount ?? 0n
      return { provider: providers[2 * book + under(2)] as Address, id: ++ids, total: 0n, since, paid: since }
    }
    const sessions = [begin(0), begin(1)]
    for (let step = 0; step < 60; step++) {
      // One book till the middle of the story, then two that start from the same amount.
      if (step === 30) books[1] = books[0] as bigint
      const book = step < 30 ? 0 : under(2)
      if (step === 30 || under(8) === 0) sessions[book] = begin(book)
      const of = sessions[book] as ReturnType<typeof begin>
      const grown = BigInt(1 + under(20))
      // Some leave a gap, so that it is less easily seen.
      books[book] = (books[book] as bigint) + grown + BigInt(under(8) === 0 ? under(10) : 0)
      const amount = books[book] as bigint
      // What its provider sees for itself is not sent.
      if (amount - of.paid < grown) continue
      of.total += grown
      of.paid = amount
      const { signed, verdict } = await exchange(of.provider, amount, of.total, of.id)
      if (verdict.code === undefined) continue
      expect(itemRefusals[verdict.code as keyof typeof itemRefusals].final).toBe(true)
      sums.refused += grown
      if (verdict.proof !== undefined) sums.proofs += 1
      if (proves(signed, verdict, of.since)) sums.proven += grown
      sessions[book] = begin(book)
    }
  }
  expect(Number(sums.proven) / Number(sums.refused)).toBeGreaterThan(0.8)
})
