import { type Batch, type RecoverRefusal, referenceCrypto, type SignedPromise } from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { alice, bob, carol, dave, mallory } from '@myst/testkit'
import { beforeEach, describe, expect, test } from 'vitest'
import type { AdoptResult } from './adopt-batch.ts'
import type { CommandOf } from './commands.ts'
import type { ExchangeResult } from './exchange-batch.ts'
import type { Ledger } from './ledger.ts'
import { type Answered, adopting, answerOf, nobody, openStory, restored, type Story } from './recovery.fixture.ts'
import { bytesOf, channelOf, commandOf, item, lockOf, openTestLedger, preimageOf, verifyLog, word } from './testing.ts'

const dayMs = 86_400_000
const provider = bob.identity
const consumer = alice.identity
const begin = (of: Partial<CommandOf<'begin-recovery'>> = {}) =>
  ({ kind: 'begin-recovery', atMs: 1_000n, reason: 'backup', ...of }) as const
const end = (atMs: number) => ({ kind: 'end-recovery', atMs: BigInt(atMs), recoveryMs: dayMs }) as const

/** Bob has three answered batches, of 10, 5 and 7 of Alice's; the ledger was restored as it was after the first. */
let kept: readonly [Answered, Answered, Answered]
let story: Story
let ledger: Ledger
beforeEach(async () => {
  const outside = nobody()
  const before = await openStory(outside)
  for (const delta of [10n, 5n, 7n]) await before.exchange(provider, [{ consumer, delta }])
  kept = before.answered as unknown as typeof kept
  story = await restored(before.commands.slice(0, 1), outside, {})
  ledger = story.ledger
  await ledger.apply(begin())
})

const refusalOf = (result: ExchangeResult | AdoptResult) => (result.kind === 'refused' ? result.refusal : result.kind)
const batchOf = (items: readonly SignedPromise[], of: Partial<Batch> = {}): Batch => ({
  provider,
  epoch: 2n,
  hashlock: lockOf(provider, of.epoch ?? 2n),
  previousAmount: 10n,
  lastPreimage: preimageOf(provider, 1n),
  items,
  ...of,
})
const codesOf = (result: ExchangeResult) =>
  answerOf(result).verdicts.map(({ code, final }) => [code ?? 'accepted', final])

describe('while a ledger recovers', () => {
  const promise = item({ consumer: dave.identity, provider, amount: 3n, lock: lockOf(provider, 2n) })

  test.each<[what: string, of: Batch]>([
    ['builds on a promise that is not known', batchOf([promise], { epoch: 4n, previousAmount: 22n })],
    ['shows a preimage of a batch that is not known', batchOf([promise], { lastPreimage: preimageOf(provider, 3n) })],
    ['comes from a provider of whom nothing is known', batchOf([promise], { provider: carol.identity })],
  ])('a batch that %s is refused for now, with what is known', async (_, of) => {
    const before = bytesOf(ledger)
    const result = await ledger.apply(commandOf(of))
    expect(refusalOf(result)).toMatchObject({ code: 'accountant-recovering' })
    if (of.provider === provider) expect(result).toMatchObject({ newest: { amount: 10n, epoch: 1n } })
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('a provider that is behind itself is told so as ever', async () => {
    expect(refusalOf(await ledger.apply(commandOf(batchOf([], { previousAmount: 9n }))))).toMatchObject({
      code: 'batch-previous-amount',
    })
  })

  test('a batch that builds on what is known is answered, and draws on no channel till a day has passed', async () => {
    const batch = commandOf(batchOf([promise]))
    const result = await ledger.apply(batch)
    expect(codesOf(result)).toEqual([['promise-recovering', false]])
    expect(answerOf(result)).toMatchObject({ credited: 0n, promise: { amount: 10n } })
    expect(await ledger.apply(end(1_000 + dayMs - 1))).toBe(false)
    expect(await ledger.apply(end(1_000 + dayMs))).toBe(true)
    expect(await ledger.apply(end(1_000 + dayMs))).toBe(false)
    const later = batchOf([promise], { epoch: 3n, lastPreimage: preimageOf(provider, 2n) })
    expect(codesOf(await ledger.apply(commandOf(later)))).toEqual([['accepted', undefined]])
  })

  test("what can never be credited is refused for good all the same, and a stranger's promise says nothing", async () => {
    const wrong = { ...promise, promise: { ...promise.promise, amount: 1n } }
    const codes = codesOf(await ledger.apply(commandOf(batchOf([wrong]))))
    expect(codes).toEqual([['promise-shape', true]])
    const batch = batchOf([promise], { epoch: 3n, lastPreimage: preimageOf(provider, 2n) })
    expect(codesOf(await ledger.apply(commandOf(batch, { signer: mallory.identity })))).toEqual([
      ['promise-wrong-signer', true],
    ])
  })

  test('adopting makes it the newest, and the same batch gets the same answer again', async () => {
    const [, second, third] = kept
    expect(await ledger.apply(adopting(second))).toEqual({ kind: 'adopted', unknown: 0n })
    expect(await ledger.apply(adopting(third))).toEqual({ kind: 'adopted', unknown: 0n })
    expect(await ledger.apply(third.command)).toEqual({ kind: 'answered', answer: third.signed })
    expect(ledger.get('totals', 'all')).toEqual({ batches: 3, promises: 3, credited: 22n, fees: 0n })
  })

  test('offered again, it changes nothing', async () => {
    await ledger.apply(adopting(kept[1]))
    const before = bytesOf(ledger)
    for (const of of kept.slice(0, 2)) expect(await ledger.apply(adopting(of))).toEqual({ kind: 'known' })
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('a restart and a replay of the log go on where it was', async () => {
    await ledger.apply(adopting(kept[1]))
    expect(bytesOf(await openTestLedger(story.store))).toEqual(bytesOf(ledger))
    expect(bytesOf((await verifyLog(story.store, referenceCrypto)).state)).toEqual(bytesOf(ledger))
  })
})

describe('refuses an offer, in this order, and changes nothing', () => {
  const changed = (of: Answered, answer: Partial<Answered['answer']>) => ({
    ...of,
    answer: { ...of.answer, ...answer },
  })
  const promised = (of: Answered, promise: Partial<Answered['answer']['promise']>) =>
    changed(of, { promise: { ...of.answer.promise, ...promise } })
  const signedBy = (signer: `0x${string}`) => ({ facts: [{ channel: channelOf(consumer), signer }] })
  /** An answered batch of one item, as an accountant would have answered it that we never were. */
  function forged(of: SignedPromise, batch: Partial<Batch> = {}, delta = 5n): Answered {
    const command = commandOf(batchOf([of], batch))
    const { provider, epoch, hashlock, previousAmount } = command.batch
    const promise = { provider, epoch, hashlock, amount: previousAmount + delta, signature: new Uint8Array(65) }
    const answer = { provider, epoch, digest: command.digest, feeRate: 0, credited: delta, fee: 0n, promise }
    return { ...kept[1], command, answer: { ...answer, verdicts: [{ delta }] } }
  }
  const promiseOf = (amount: bigint, total = amount, lock = lockOf(provider, 2n)) =>
    item({ consumer, provider, amount, total, lock })

  const rows: [code: RecoverRefusal['code'], offer: () => CommandOf<'adopt' | 'adopt-newest'>][] = [
    ['recovery-wrong-answer', () => adopting(changed(kept[1], { digest: word(9) }))],
    ['recovery-wrong-answer', () => adopting(changed(kept[1], { provider: carol.identity }))],
    ['recovery-wrong-answer', () => adopting(changed(kept[1], { epoch: 3n }))],
    ['recovery-wrong-answer', () => adopting(promised(kept[1], { provider: carol.identity }))],
    ['recovery-wrong-answer', () => adopting(promised(kept[1], { epoch: 3n }))],
    ['recovery-wrong-answer', () => adopting(promised(kept[1], { hashlock: lockOf(provider, 3n) }))],
    ['recovery-wrong-answer', () => adopting(promised(kept[1], { amount: 16n }))],
    ['recovery-wrong-answer', () => adopting(changed(kept[1], { verdicts: [{ delta: 6n }] }))],
    ['recovery-wrong-answer', () => adopting(changed(kept[1], { verdicts: [] }))],
    ['recovery-wrong-answer', () => adopting(changed(kept[1], { fee: 1n }))],
    ['recovery-wrong-answer', () => adopting(changed(promised(kept[1], { amount: 14n }), { fee: 1n, credited: 4n }))],
    ['recovery-contradiction', () => adopting(forged(promiseOf(15n), { epoch: 1n, previousAmount: 9n }))],
    ['recovery-contradiction', () => adopting(forged(promiseOf(15n), { previousAmount: 1n }))],
    ['recovery-hole', () => adopting(kept[2])],
    ['recovery-hole', () => adopting(forged(promiseOf(15n), { lastPreimage: preimageOf(provider, 2n) }))],
    ['recovery-contradiction', () => adopting(forged(promiseOf(15n), { previousAmount: 8n }), { afterHole: true })],
    ['recovery-wrong-preimage', () => adopting(kept[2], { afterHole: true })],
    ['recovery-wrong-preimage', () => adopting(kept[2], { afterHole: true, knownPreimage: new Uint8Array(32) })],
    ['recovery-wrong-promise', () => adopting(kept[1], signedBy(mallory.identity))],
    [
      'recovery-wrong-promise',
      () => adopting(forged({ ...promiseOf(15n), consumer: dave.identity }), signedBy(consumer)),
    ],
    ['recovery-wrong-lock', () => adopting(forged(promiseOf(15n, 15n, lockOf(carol.identity, 2n))))],
    ['recovery-wrong-delta', () => adopting(forged(promiseOf(16n)))],
    ['recovery-wrong-delta', () => adopting(forged(promiseOf(15n), {}, 6n))],
    [
      'recovery-breaks-prefix',
      () =>
        adopting(
          forged({
            ...promiseOf(12n, 5n),
            promise: { ...promiseOf(12n, 5n).promise, agreement: { id: word(2), provider, total: 5n } },
          }),
        ),
    ],
    ['recovery-wrong-preimage', () => ({ kind: 'adopt-newest', promise: kept[2].answer.promise, credited: [] })],
    [
      'recovery-contradiction',
      () => ({ kind: 'adopt-newest', promise: { ...kept[2].answer.promise, amount: 9n }, credited: [] }),
    ],
  ]
  test.each(rows)('%s (%#)', async (code, offer) => {
    const before = bytesOf(ledger)
    const command = offer()
    expect(refusalOf(await ledger.apply(command as CommandOf<'adopt'>))).toMatchObject({ code })
    expect(bytesOf(ledger)).toEqual(before)
    expect(await ledger.apply(adopting(kept[1]))).toMatchObject({ kind: 'adopted' })
  })
})

describe('where the provider has not all of its answers', () => {
  const knownPreimage = preimageOf(provider, 1n)

  test('the batches after the hole are adopted, and what the agreements tell of the hole is found again', async () => {
    const offer = adopting(kept[2], { afterHole: true, knownPreimage })
    expect(await ledger.apply(offer)).toEqual({ kind: 'adopted', unknown: 0n })
    expect(ledger.get('channels', channelOf(consumer))).toMatchObject({ revealedSum: 10n, open: [{ delta: 12n }] })
    expect(ledger.get('losses', provider)).toBeUndefined()
  })

  test('what nobody can say is counted to the base unit, and the next batches follow', async () => {
    const outside = nobody()
    const before = await openStory(outside, { feeRate: 300 })
    await before.exchange(provider, [{ consumer, delta: 1_000n }])
    await before.exchange(provider, [
      { consumer: dave.identity, delta: 700n },
      { consumer, delta: 101n },
    ])
    await before.exchange(provider, [{ consumer, delta: 50n }])
    const again = await restored(before.commands.slice(0, 1), outside, { feeRate: 300 })
    await again.apply(begin())
    const offer = adopting(before.answered[2] as Answered, { afterHole: true, knownPreimage })
    // 801 less 3 %, rounded: 777; of which 101 are found in Alice's agreement.
    expect(await again.apply(offer)).toEqual({ kind: 'adopted', unknown: 777n - 101n })
    expect(again.ledger.get('providers', provider)?.promise).toEqual(before.ledger.get('providers', provider)?.promise)
    expect(again.ledger.get('totals', 'all')?.credited).toBe(before.ledger.get('totals', 'all')?.credited)
    await again.apply(end(1_000 + dayMs))
    const next = await again.exchange(provider, [{ consumer: dave.identity, delta: 10n }])
    // Nobody told of Dave's 700: they are credited again, and no more than what is unknown.
    expect(next?.answer.verdicts).toEqual([{ delta: 710n }])
  })

  test('the newest promise alone binds; what its provider says was credited is credited no second time', async () => {
    const { promise } = kept[2].answer
    const credited = [{ channel: channelOf(consumer), id: word(1), total: 22n }]
    const offer = { kind: 'adopt-newest', promise, knownPreimage, credited } as const
    expect(await ledger.apply(offer)).toEqual({ kind: 'adopted', unknown: 12n })
    expect(await ledger.apply(offer)).toEqual({ kind: 'known' })
    expect(ledger.get('channels', channelOf(consumer))?.revealedSum).toBe(10n)
    await ledger.apply(end(1_000 + dayMs))
    const next = await story.exchange(provider, [{ consumer, delta: 4n }])
    expect(next?.answer).toMatchObject({ credited: 4n, promise: { amount: 26n } })
    expect(bytesOf((await verifyLog(story.store, referenceCrypto)).state)).toEqual(bytesOf(ledger))
  })

  test('who comes after the day is believed all the same; what its channels no longer cover is counted', async () => {
    await ledger.apply(end(1_000 + dayMs))
    // Alice signed Carol a promise below Bob's: 10 + 5 + 9 are more than 15, and than 22.
    const hers = item({ consumer, provider: carol.identity, amount: 19n, total: 9n, lock: lockOf(carol.identity, 1n) })
    const batch = { provider: carol.identity, epoch: 1n, hashlock: lockOf(carol.identity, 1n), previousAmount: 0n }
    await ledger.apply(commandOf({ ...batch, items: [hers] }))
    expect(await ledger.apply(adopting(kept[1]))).toEqual({ kind: 'adopted', unknown: 5n })
    // Of the next seven, three: the channel can pay 22, and 19 are credited.
    expect(await ledger.apply(adopting(kept[2]))).toEqual({ kind: 'adopted', unknown: 9n })
    expect(ledger.get('channels', channelOf(consumer))).toMatchObject({
      revealedAmount: 15n,
      revealedSum: 10n,
      open: [{ delta: 9n }, { delta: 3n }],
    })
    const next = await story.exchange(provider, [{ consumer, delta: 4n }])
    expect(next?.answer.verdicts).toEqual([{ delta: 4n }])
    expect(bytesOf((await verifyLog(story.store, referenceCrypto)).state)).toEqual(bytesOf(ledger))
  })

  test('nobody without a loss changes totals by its word', async () => {
    const { promise } = kept[0].answer
    const credited = [{ channel: channelOf(consumer), id: word(1), total: 99n }]
    const before = bytesOf(ledger)
    expect(await ledger.apply({ kind: 'adopt-newest', promise, credited })).toEqual({ kind: 'known' })
    expect(bytesOf(ledger)).toEqual(before)
  })
})

describe('what begins a recovery', () => {
  const shown = (amount: bigint) => ({ provider, amount })
  beforeEach(async () => {
    ledger = await openTestLedger(createMemoryLedgerStore())
    await ledger.apply(kept[0].command)
  })

  test('a settlement of more than was promised, once', async () => {
    expect(await ledger.apply(begin({ reason: 'chain', shown: shown(10n) }))).toBe(false)
    expect(await ledger.apply(begin({ reason: 'chain', shown: shown(11n) }))).toBe(true)
    expect(await ledger.apply(begin({ reason: 'chain', shown: shown(11n) }))).toBe(false)
    await ledger.apply(end(1_000 + dayMs))
    expect(await ledger.apply(begin({ reason: 'chain', shown: shown(11n), atMs: 10n ** 12n }))).toBe(false)
    // A7: no promise below one that the chain has seen.
    expect(refusalOf(await ledger.apply(commandOf(batchOf([]))))).toMatchObject({ code: 'accountant-recovering' })
  })

  test('A13: what the chain shows is held against what is promised, also where that is on its way to the disk', async () => {
    const store = createMemoryLedgerStore()
    const busy = await openTestLedger(store)
    const both = [busy.apply(kept[0].command), busy.apply(begin({ reason: 'chain', shown: shown(10n) }))] as const
    expect([(await both[0]).kind, await both[1]]).toEqual(['answered', false])
    expect(bytesOf((await verifyLog(store, referenceCrypto)).state)).toEqual(bytesOf(busy))
  })

  test('what turns up within a week belongs to the same loss; a backup and the operator are believed each time', async () => {
    expect(await ledger.apply(begin({ reason: 'provider' }))).toBe(true)
    await ledger.apply(end(1_000 + dayMs))
    expect(await ledger.apply(begin({ reason: 'provider', atMs: BigInt(7 * dayMs) }))).toBe(false)
    expect(await ledger.apply(begin({ reason: 'provider', atMs: BigInt(1_000 + 7 * dayMs) }))).toBe(true)
    expect(await ledger.apply(begin({ reason: 'operator', atMs: BigInt(1_001 + 7 * dayMs) }))).toBe(true)
    expect(await ledger.apply(begin({ reason: 'backup', atMs: BigInt(1_002 + 7 * dayMs) }))).toBe(true)
    expect(ledger.get('recovery', 'newest')).toEqual({
      startedAtMs: BigInt(1_002 + 7 * dayMs),
      reason: 'backup',
      ended: false,
    })
  })
})
