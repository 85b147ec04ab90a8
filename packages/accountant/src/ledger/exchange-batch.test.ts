import {
  type Batch,
  type BatchAnswer,
  batchAnswerSchema,
  decodeMessage,
  type SignedPromise,
  zeroBytes32,
} from '@myst/protocol'
import { alice, bob, carol, dave, mallory } from '@myst/testkit'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ItemFacts } from './commands.ts'
import type { ExchangeResult } from './exchange-batch.ts'
import type { Ledger } from './ledger.ts'
import {
  bytesOf,
  commandOf,
  factsOf,
  type ItemOptions,
  item,
  lockOf,
  openTestLedger,
  pass,
  preimageOf,
  reveal,
  type Terms,
  word,
} from './testing.ts'

let ledger: Ledger
beforeEach(async () => {
  ledger = await openTestLedger()
})

const lock = (epoch: bigint) => lockOf(bob.identity, epoch)
const from = (options: Omit<ItemOptions, 'lock' | 'consumer' | 'provider'> & Partial<ItemOptions>, epoch = 1n) =>
  item({ consumer: alice.identity, provider: bob.identity, lock: lock(epoch), ...options })
const batch = (items: readonly SignedPromise[], changes: Partial<Batch> = {}): Batch => ({
  provider: bob.identity,
  epoch: 1n,
  hashlock: lock(changes.epoch ?? 1n),
  previousAmount: 0n,
  items,
  ...changes,
})
/** Bob's batch of epoch 2, after 10 were credited in epoch 1. */
const second = (items: readonly SignedPromise[], changes: Partial<Batch> = {}) =>
  batch(items, { epoch: 2n, previousAmount: 10n, lastPreimage: preimageOf(bob.identity, 1n), ...changes })

function answerOf(result: ExchangeResult): BatchAnswer {
  if (result.kind === 'refused') throw new Error(result.refusal.code)
  const answer = decodeMessage(batchAnswerSchema, result.answer.content, 1 << 20)
  if (!answer.ok) throw new Error(answer.refusal.code)
  return answer.value
}
const codes = (result: ExchangeResult) => answerOf(result).verdicts.map(({ code }) => code ?? 'accepted')
const refusal = (result: ExchangeResult) => (result.kind === 'refused' ? result.refusal : result.kind)
const run = (of: Batch, changes: Partial<ItemFacts> = {}, terms: Terms = {}) =>
  ledger.apply(commandOf(of, changes, terms))

test('credits what a promise adds, and promises it to the provider', async () => {
  const answer = answerOf(await run(batch([from({ amount: 10n })])))
  expect(answer).toMatchObject({
    credited: 10n,
    fee: 0n,
    verdicts: [{ delta: 10n }],
    promise: { amount: 10n, epoch: 1n },
  })
  const next = answerOf(await run(second([from({ amount: 25n }, 2n)])))
  expect(next).toMatchObject({ credited: 15n, promise: { amount: 25n, hashlock: lock(2n) } })
})

describe('refuses a batch as a whole, in this order, and changes nothing', () => {
  beforeEach(() => run(batch([from({ amount: 10n })])))
  const good = [from({ amount: 25n }, 2n)]
  const rows: [code: string, of: Batch][] = [
    ['batch-zero-lock', second(good, { hashlock: zeroBytes32, epoch: 0n, previousAmount: 9n })],
    ['batch-epoch-behind', second(good, { epoch: 0n, previousAmount: 9n })],
    ['batch-previous-amount', second(good, { previousAmount: 9n, lastPreimage: new Uint8Array(32) })],
    ['batch-previous-amount', second(good, { previousAmount: 11n })],
    ['batch-wrong-preimage', second(good, { lastPreimage: new Uint8Array(32) })],
    ['batch-wrong-preimage', second(good, { lastPreimage: preimageOf(bob.identity, 2n) })],
    ['batch-wrong-preimage', withoutPreimage(second(good))],
  ]
  test.each(rows)('%s (%#)', async (code, of) => {
    const before = bytesOf(ledger)
    const result = await run(of)
    expect(refusal(result)).toMatchObject({ code })
    // What the provider needs to go on from, if it lost its disk.
    expect(result).toMatchObject({ newest: { amount: 10n, epoch: 1n } })
    expect(bytesOf(ledger)).toEqual(before)
    expect(codes(await run(second(good)))).toEqual(['accepted'])
  })

  test('a first batch with a preimage of nothing', async () => {
    const of = batch([], { provider: carol.identity, lastPreimage: preimageOf(carol.identity, 0n) })
    expect(refusal(await run(of))).toMatchObject({ code: 'batch-wrong-preimage' })
  })
})

describe('refuses an item, in this order, for', () => {
  beforeEach(() => run(batch([from({ amount: 10n })])))
  // What each row breaks, it breaks together with what the later ones look at.
  const rows: [code: string, final: boolean, of: SignedPromise, facts?: Partial<ItemFacts>][] = [
    ['promise-shape', true, from({ amount: 9n, total: 10n, provider: carol.identity }, 9n)],
    ['promise-wrong-provider', true, from({ amount: 20n, provider: carol.identity }, 9n), { exit: 'late' }],
    ['promise-wrong-lock', true, from({ amount: 20n }, 9n), { exit: 'late' }],
    ['promise-wrong-lock', true, from({ amount: 20n, lock: lockOf(carol.identity, 1n) }), { exit: 'late' }],
    ['promise-channel-closing', true, from({ amount: 10n }, 2n), { exit: 'late' }],
    ['promise-total-not-increasing', true, from({ amount: 2_000n, total: 10n }, 2n), { capacity: 0n }],
    ['promise-total-not-increasing', true, from({ amount: 20n, total: 9n }, 2n), { capacity: 0n }],
    ['promise-over-capacity', false, from({ amount: 20n, total: 20n }, 2n), { capacity: 19n }],
    ['promise-amount-behind', true, from({ amount: 9n, total: 9n, id: word(2) }, 2n)],
    ['promise-breaks-prefix', true, from({ amount: 10n, total: 1n, id: word(2) }, 2n)],
  ]
  test.each(rows)('%s (%#)', async (code, final, of, facts) => {
    const answer = answerOf(await run(second([of]), facts))
    expect(answer.verdicts).toMatchObject([{ code, delta: 0n, final }])
    expect(answer).toMatchObject({ credited: 0n, promise: { amount: 10n } })
  })

  test.each(rows)(
    'says nothing but promise-wrong-signer to whoever holds no good signature (%#)',
    async (_, __, of, facts) => {
      for (const signer of [{ signer: mallory.identity }, { signer: undefined as never }]) {
        ledger = await openTestLedger()
        await run(batch([from({ amount: 10n })]))
        expect(codes(await run(second([of]), { ...facts, ...signer }))).toEqual(['promise-wrong-signer'])
      }
    },
  )

  test('promise-wrong-signer, where nothing else is wrong', async () => {
    const result = await run(second([from({ amount: 20n }, 2n)]), { signer: mallory.identity })
    expect(answerOf(result).verdicts).toEqual([{ code: 'promise-wrong-signer', delta: 0n, final: true }])
  })

  test('promise-too-old, after the exit rule and before the total', async () => {
    await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
    const { channel } = factsOf(from({ amount: 1n }))
    for (const days of [0, 30]) await pass(ledger, days, { channels: [channel] })
    const of = second([from({ amount: 10n }, 2n)])
    expect(codes(await run(of, { exit: 'late', capacity: 0n }))).toEqual(['promise-channel-closing'])
    ledger = await openTestLedger()
    await run(batch([from({ amount: 10n })]))
    await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
    for (const days of [0, 30]) await pass(ledger, days, { channels: [channel] })
    const answer = answerOf(await run(of, { capacity: 0n }))
    expect(answer.verdicts).toEqual([{ code: 'promise-too-old', delta: 0n, final: true }])
  })

  test('less than the smallest step', async () => {
    const two = second([from({ amount: 14n }, 2n), from({ amount: 15n }, 2n)])
    expect(codes(await run(two, {}, { minDelta: 5n }))).toEqual(['promise-total-not-increasing', 'accepted'])
  })

  test('nothing in the first half of an exit', async () => {
    expect(codes(await run(second([from({ amount: 20n }, 2n)]), { exit: 'early' }))).toEqual(['accepted'])
  })

  test('nothing at the very capacity', async () => {
    expect(codes(await run(second([from({ amount: 20n }, 2n)]), { capacity: 20n }))).toEqual(['accepted'])
  })

  test('a refused item leaves its neighbours alone', async () => {
    const bad = from({ amount: 9n, total: 10n }, 2n)
    const good = item({ consumer: dave.identity, provider: bob.identity, amount: 5n, lock: lock(2n) })
    const both = await run(second([bad, good, from({ amount: 12n }, 2n)]))
    expect(codes(both)).toEqual(['promise-shape', 'accepted', 'accepted'])
    expect(answerOf(both)).toMatchObject({ credited: 7n, promise: { amount: 17n } })
  })
})

describe('a late promise', () => {
  test('under the lock of the last batch is good: its preimage comes with this one', async () => {
    await run(batch([from({ amount: 10n })]))
    expect(codes(await run(second([from({ amount: 20n })])))).toEqual(['accepted'])
    expect(ledger.get('channels', factsOf(from({ amount: 1n })).channel)).toMatchObject({
      revealedAmount: 20n,
      open: [],
    })
  })

  test("under a revealed lock of another provider's is not", async () => {
    await run(batch([from({ amount: 10n })]))
    await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
    const hers = item({ consumer: alice.identity, provider: carol.identity, amount: 20n, total: 5n, lock: lock(1n) })
    const of = batch([hers], { provider: carol.identity, hashlock: lockOf(carol.identity, 1n) })
    expect(codes(await run(of))).toEqual(['promise-wrong-lock'])
  })
})

describe('a reveal', () => {
  beforeEach(() => run(batch([from({ amount: 10n })])))
  test('makes the promise collectable, and the next batch needs no preimage', async () => {
    expect(await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))).toBe(true)
    expect(ledger.get('channels', factsOf(from({ amount: 1n })).channel)?.collectable).toMatchObject({
      preimage: preimageOf(bob.identity, 1n),
      signed: { promise: { amount: 10n } },
    })
    expect(codes(await run(withoutPreimage(second([from({ amount: 20n }, 2n)]))))).toEqual(['accepted'])
  })

  test.each([
    ['a wrong preimage', bob.identity, preimageOf(bob.identity, 2n)],
    ["another's provider", carol.identity, preimageOf(bob.identity, 1n)],
  ])('changes nothing: %s', async (_, provider, preimage) => {
    const before = bytesOf(ledger)
    expect(await reveal(ledger, provider, preimage)).toBe(false)
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('a second time changes nothing', async () => {
    await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
    const before = bytesOf(ledger)
    expect(await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))).toBe(false)
    expect(bytesOf(ledger)).toEqual(before)
  })
})

test('a batch sent again after its preimage was shown gets the same answer', async () => {
  const of = batch([from({ amount: 10n })])
  const first = await run(of)
  await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
  expect(await run(of)).toEqual(first)
})

function withoutPreimage({ lastPreimage: _, ...of }: Batch): Batch {
  return of
}
