import {
  type Batch,
  type BatchAnswer,
  batchAnswerSchema,
  decodeMessage,
  feeOf,
  type SignedPromise,
  zeroBytes32,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { alice, bob, carol, dave, mallory } from '@myst/testkit'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ExchangeResult, ItemFacts } from './exchange-batch.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { revealPreimage } from './reveal-preimage.ts'
import {
  bytesOf,
  commandOf,
  exchange,
  factsOf,
  type ItemOptions,
  item,
  lockOf,
  preimageOf,
  rulesOf,
  word,
} from './testing.ts'

let ledger: Ledger
beforeEach(() => {
  ledger = openLedger(createMemoryStore())
})

const lock = (epoch: bigint) => lockOf(bob.identity, epoch)
const from = (options: Omit<ItemOptions, 'lock' | 'consumer'> & Partial<ItemOptions>, epoch = 1n) =>
  item({ consumer: alice.identity, lock: lock(epoch), ...options })
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
const run = (of: Batch, changes: Partial<ItemFacts> = {}) => exchange(ledger, commandOf(of, changes))

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
    expect(answer.verdicts).toEqual([{ code, delta: 0n, final }])
    expect(answer).toMatchObject({ credited: 0n, promise: { amount: 10n } })
  })

  test.each(rows)(
    'says nothing but promise-wrong-signer to whoever holds no good signature (%#)',
    async (_, __, of, facts) => {
      const command = commandOf(second([of]), { ...facts, signer: mallory.identity })
      expect(codes(await exchange(ledger, command))).toEqual(['promise-wrong-signer'])
      const nobody = commandOf(second([of]), { ...facts, signer: undefined })
      expect(codes(await exchange(openLedgerWith(ledger), nobody))).toEqual(['promise-wrong-signer'])
    },
  )

  test('promise-wrong-signer, where nothing else is wrong', async () => {
    const result = await run(second([from({ amount: 20n }, 2n)]), { signer: mallory.identity })
    expect(answerOf(result).verdicts).toEqual([{ code: 'promise-wrong-signer', delta: 0n, final: true }])
  })

  test('less than the smallest step', async () => {
    const rules = rulesOf({ minDelta: 5n })
    const step = (total: bigint) =>
      exchange(openLedgerWith(ledger), commandOf(second([from({ amount: total }, 2n)])), rules)
    expect(codes(await step(14n))).toEqual(['promise-total-not-increasing'])
    expect(codes(await step(15n))).toEqual(['accepted'])
  })

  test('nothing in the first half of an exit', async () => {
    expect(codes(await run(second([from({ amount: 20n }, 2n)]), { exit: 'early' }))).toEqual(['accepted'])
  })

  test('nothing at the very capacity', async () => {
    expect(codes(await run(second([from({ amount: 20n }, 2n)]), { capacity: 20n }))).toEqual(['accepted'])
  })

  test('a refused item leaves its neighbours alone', async () => {
    const bad = from({ amount: 9n, total: 10n }, 2n)
    const good = item({ consumer: dave.identity, amount: 5n, lock: lock(2n) })
    const both = await run(second([bad, good, from({ amount: 12n }, 2n)]))
    expect(codes(both)).toEqual(['promise-shape', 'accepted', 'accepted'])
    expect(answerOf(both)).toMatchObject({ credited: 7n, promise: { amount: 17n } })
  })
})

/** A second ledger with the same records, so that one test may exchange the same epoch twice. */
function openLedgerWith(of: Ledger): Ledger {
  const copy = openLedger(createMemoryStore())
  void copy.apply((draft) => {
    for (const name of ['channels', 'agreements', 'providers', 'locks', 'totals'] as const) {
      for (const [key, record] of of.entries(name)) draft.put(name, key, record)
    }
  })
  return copy
}

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
    await ledger.apply((draft) => revealPreimage(draft, rulesOf().crypto, bob.identity, preimageOf(bob.identity, 1n)))
    const hers = item({ consumer: alice.identity, provider: carol.identity, amount: 20n, total: 5n, lock: lock(1n) })
    const of = batch([hers], { provider: carol.identity, hashlock: lockOf(carol.identity, 1n) })
    expect(codes(await run(of))).toEqual(['promise-wrong-lock'])
  })
})

describe('a reveal', () => {
  beforeEach(() => run(batch([from({ amount: 10n })])))
  const reveal = (provider: typeof bob.identity, preimage: Uint8Array) =>
    ledger.apply((draft) => revealPreimage(draft, rulesOf().crypto, provider, preimage))

  test('makes the promise collectable, and the next batch needs no preimage', async () => {
    expect(await reveal(bob.identity, preimageOf(bob.identity, 1n))).toBe(true)
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
    expect(await reveal(provider, preimage)).toBe(false)
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('a second time changes nothing', async () => {
    await reveal(bob.identity, preimageOf(bob.identity, 1n))
    const before = bytesOf(ledger)
    expect(await reveal(bob.identity, preimageOf(bob.identity, 1n))).toBe(false)
    expect(bytesOf(ledger)).toEqual(before)
  })
})

describe('A4: a batch is credited once', () => {
  const of = batch([from({ amount: 10n }), item({ consumer: dave.identity, amount: 7n, lock: lock(1n) })])

  test('sent a hundred times it gets the same answer, byte for byte', async () => {
    const results = await Promise.all(Array.from({ length: 100 }, () => run(of)))
    const [first] = results
    for (const result of results) expect(result).toEqual(first)
    expect(answerOf(first as ExchangeResult).promise.amount).toBe(17n)
    expect(ledger.get('totals', 'all')).toEqual({ batches: 1, promises: 2, credited: 17n, fees: 0n })
  })

  test('other bytes for the same epoch get the stored answer, and are never merged', async () => {
    const first = await run(of)
    const before = bytesOf(ledger)
    const other = await run(batch([from({ amount: 500n })]))
    expect(other.kind).toBe('already-answered')
    expect(other.kind !== 'refused' && other.answer).toEqual(first.kind !== 'refused' && first.answer)
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('the same again after the preimage was shown, the same answer again', async () => {
    const first = await run(of)
    await ledger.apply((draft) => revealPreimage(draft, rulesOf().crypto, bob.identity, preimageOf(bob.identity, 1n)))
    expect(await run(of)).toEqual(first)
  })
})

test('A8: nothing is credited to a provider whose last preimage is withheld', async () => {
  await run(batch([from({ amount: 10n })]))
  for (const epoch of [2n, 3n, 50n]) {
    const of = withoutPreimage(
      second([item({ consumer: dave.identity, amount: 5n, lock: lock(epoch) })], { epoch, hashlock: lock(epoch) }),
    )
    expect(refusal(await run(of))).toMatchObject({ code: 'batch-wrong-preimage' })
  }
  expect(ledger.get('totals', 'all')?.credited).toBe(10n)
})

test('A14: the fee is taken once a batch, from the sum, rounded down', async () => {
  const deltas = fc.array(fc.bigInt(1n, 10n ** 20n), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(deltas, fc.nat(5000), async (amounts, feeRate) => {
      const own = openLedger(createMemoryStore())
      let amount = 0n
      const items = amounts.map((delta, index) => {
        amount += delta
        return from({ amount, total: delta, id: word(index + 1) })
      })
      const facts = { capacity: amount }
      const answer = answerOf(await exchange(own, commandOf(batch(items), facts), rulesOf({ feeRate })))
      expect(answer.credited + answer.fee).toBe(amount)
      expect(answer.fee).toBe((amount * BigInt(feeRate)) / 10_000n)
      expect(answer.fee).toBe(feeOf(amount, feeRate))
      expect(answer.promise.amount).toBe(answer.credited)
      expect(own.get('totals', 'all')).toMatchObject({ credited: answer.credited, fees: answer.fee })
    }),
    { numRuns: 50 },
  )
})

function withoutPreimage({ lastPreimage: _, ...of }: Batch): Batch {
  return of
}
