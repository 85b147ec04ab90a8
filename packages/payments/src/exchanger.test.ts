import {
  type BatchAnswer,
  type Bytes32,
  feeOf,
  type ItemVerdict,
  noTicks,
  type SignedAccountantPromise,
  type SignedPromise,
  toHex,
  uintToBytes,
} from '@myst/protocol'
import { alice, bob } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import {
  addPromise,
  addRefusals,
  adoptNewest,
  closeBatch,
  createExchanger,
  type ExchangerPolicy,
  type ExchangerState,
  hasUntried,
  isBatchDue,
  noRefusals,
  restartExchanger,
  takeAnswer,
  uncredited,
} from './exchanger.ts'

const word = (value: bigint): Bytes32 => toHex(uintToBytes(value))
const lockOf = (epoch: bigint) => word(1_000n + epoch)
const own = { provider: bob.identity, lockOf, preimageOf: (epoch: bigint) => uintToBytes(epoch) }
const policy: ExchangerPolicy = { dueSum: 100n, maxAgeMs: 20_000, maxItems: 3 }
const feeLimit = 3000

const signed = (total: bigint, epoch = 1n, id = 1n): SignedPromise => ({
  consumer: alice.identity,
  promise: {
    amount: total,
    hashlock: lockOf(epoch),
    agreement: { id: word(id), provider: bob.identity, total },
    ticks: noTicks,
  },
  signature: new Uint8Array(65),
})
const add = (state: ExchangerState, key: string, total: bigint, nowMs = 0, urgent = false, epoch = state.epoch) =>
  addPromise(state, key, signed(total, epoch), nowMs, urgent)
const close = (state: ExchangerState) => closeBatch(state, own, policy)

/** What an honest accountant answers to the batch in flight. */
function answerTo(state: ExchangerState, verdicts: readonly ItemVerdict[], feeRate = 2000): BatchAnswer {
  if (state.inFlight === undefined) throw new Error('nothing to answer')
  const { provider, epoch, hashlock, previousAmount } = state.inFlight.batch
  const sum = verdicts.reduce((total, { delta }) => total + delta, 0n)
  const fee = feeOf(sum, feeRate)
  const promise = { provider, amount: previousAmount + sum - fee, hashlock, epoch, signature: new Uint8Array(65) }
  return { provider, epoch, digest: word(0n), feeRate, credited: sum - fee, fee, promise, verdicts }
}
const withBounty = (answer: BatchAnswer, bounty: bigint, promised: bigint): BatchAnswer => ({
  ...answer,
  bounty,
  promise: { ...answer.promise, amount: answer.promise.amount + promised },
})
function take(state: ExchangerState, answer: BatchAnswer, nowMs = 0): ExchangerState {
  const taken = takeAnswer(state, answer, feeLimit, nowMs)
  if (!taken.ok) throw new Error(taken.refusal.code)
  return taken.value.state
}
const items = (state: ExchangerState) => state.inFlight?.batch.items.map(({ promise }) => promise.agreement.total)

const fresh = createExchanger(1n)

describe('what waits', () => {
  test('is the newest promise of each agreement', () => {
    const state = add(add(add(add(fresh, 'a', 5n), 'b', 1n), 'a', 7n), 'a', 6n)
    expect([...state.pending].map(([key, { signed }]) => [key, signed.promise.agreement.total])).toEqual([
      ['a', 7n],
      ['b', 1n],
    ])
    expect(uncredited(state)).toBe(8n)
  })

  test('is nothing that was credited, or is on its way', () => {
    const sent = close(add(fresh, 'a', 10n))
    expect(add(sent, 'a', 10n)).toBe(sent)
    const answered = take(sent, answerTo(sent, [{ delta: 10n }]))
    expect(add(answered, 'a', 10n)).toBe(answered)
    expect(add(answered, 'a', 11n).pending.size).toBe(1)
  })

  test('counts with the batch in flight, each agreement once', () => {
    const sent = add(close(add(fresh, 'a', 10n)), 'a', 15n)
    expect(uncredited(sent)).toBe(15n)
    expect(uncredited(take(sent, answerTo(sent, [{ delta: 10n }])))).toBe(5n)
  })
})

describe('a batch is due', () => {
  const rows: [what: string, due: boolean, state: ExchangerState, nowMs: number][] = [
    ['never for nothing', false, fresh, 10 ** 12],
    ['at the sum', true, add(fresh, 'a', 100n), 0],
    ['not below it', false, add(fresh, 'a', 99n), 0],
    ['over all consumers', true, add(add(fresh, 'a', 50n), 'b', 50n), 0],
    ['at the age of the oldest', true, add(add(fresh, 'a', 1n, 0), 'b', 1n, 19_000), 20_000],
    ['not a millisecond before', false, add(fresh, 'a', 1n, 0), 19_999],
    ['though a newer promise replaced the oldest', true, add(add(fresh, 'a', 1n, 0), 'a', 2n, 19_000), 20_000],
    ['at once where it is urgent', true, add(fresh, 'a', 1n, 0, true), 0],
    ['though what replaced the urgent one is not', true, add(add(fresh, 'a', 1n, 0, true), 'a', 2n), 0],
    ['not while one is in flight', false, add(close(add(fresh, 'a', 1n)), 'b', 500n, 0, true), 10 ** 12],
    ['for an epoch that a crash left open', true, restartExchanger(fresh, 0), 0],
  ]
  test.each(rows)('%s: %s', (_, due, state, nowMs) => expect(isBatchDue(state, nowMs, policy)).toBe(due))

  test('for what was refused for now only when its time has come again: no accountant is asked in a circle', () => {
    const sent = close(add(fresh, 'a', 500n))
    const refused = { code: 'promise-over-capacity', delta: 0n, final: false }
    const state = take(sent, answerTo(sent, [refused]), 1_000)
    expect(uncredited(state)).toBe(500n)
    expect(isBatchDue(state, 1_000, policy)).toBe(false)
    expect(hasUntried(state)).toBe(false)
    expect(isBatchDue(state, 20_999, policy)).toBe(false)
    expect(isBatchDue(state, 21_000, policy)).toBe(true)
    expect(hasUntried(add(state, 'a', 501n))).toBe(true)
  })
})

describe('closing a batch', () => {
  test('takes the oldest, as many as fit, and opens the next epoch', () => {
    const state = close(['a', 'b', 'c', 'd'].reduce((of, key, index) => add(of, key, BigInt(index + 1)), fresh))
    expect([items(state), state.epoch, state.pending.size]).toEqual([[1n, 2n, 3n], 2n, 1])
    expect(state.inFlight?.batch).toMatchObject({ epoch: 1n, hashlock: lockOf(1n), previousAmount: 0n })
    expect(state.inFlight?.batch.lastPreimage).toBeUndefined()
  })

  test('shows the preimage of the last answered batch, and of no other (W5, P9)', () => {
    const first = close(add(fresh, 'a', 10n))
    const second = close(add(take(first, answerTo(first, [{ delta: 10n }])), 'a', 20n))
    expect(second.inFlight?.batch).toMatchObject({ epoch: 2n, previousAmount: 8n, lastPreimage: own.preimageOf(1n) })
  })

  test('a second one in flight is our own bug', () => {
    expect(() => close(close(add(fresh, 'a', 10n)))).toThrow('bug: one batch in flight')
  })

  test('its bytes stay the same while it is not answered', () => {
    const sent = close(add(fresh, 'a', 10n))
    const busy = add(add(sent, 'a', 20n), 'b', 5n)
    expect(busy.inFlight).toBe(sent.inFlight)
    expect(restartExchanger(busy, 0).inFlight).toBe(sent.inFlight)
  })
})

describe('W5: an answer is refused, and changes nothing, where', () => {
  const sent = close(add(add(fresh, 'a', 10n), 'b', 20n))
  const good = answerTo(sent, [{ delta: 10n }, { delta: 20n }])
  const rows: [code: string, answer: BatchAnswer, state?: ExchangerState][] = [
    ['answer-wrong-batch', { ...good, epoch: 2n }],
    ['answer-wrong-batch', good, fresh],
    ['answer-wrong-lock', { ...good, promise: { ...good.promise, hashlock: lockOf(9n) } }],
    ['answer-wrong-lock', { ...good, promise: { ...good.promise, epoch: 9n } }],
    ['answer-verdict-count', { ...good, verdicts: [{ delta: 30n }] }],
    ['answer-verdict-count', { ...good, verdicts: [...good.verdicts, { delta: 0n }] }],
    ['answer-wrong-delta', answerTo(sent, [{ delta: 0n }, { delta: 20n }])],
    ['answer-wrong-delta', answerTo(sent, [{ delta: 11n }, { delta: 20n }])],
    ['answer-wrong-delta', answerTo(sent, [{ delta: 10n }, { code: 'promise-over-capacity', delta: 20n }])],
    ['answer-fee-too-high', answerTo(sent, good.verdicts, 3001)],
    ['answer-wrong-amount', { ...good, promise: { ...good.promise, amount: good.promise.amount - 1n } }],
    ['answer-wrong-amount', { ...good, promise: { ...good.promise, amount: good.promise.amount + 1n } }],
    ['answer-wrong-amount', { ...good, credited: good.credited - 1n }],
    ['answer-wrong-amount', { ...good, fee: good.fee - 1n }],
    ['answer-wrong-amount', { ...good, feeRate: 1000 }],
    ['answer-wrong-amount', { ...good, bounty: 1n }],
    ['answer-wrong-amount', withBounty(good, 5n, 4n)],
    ['answer-wrong-amount', withBounty(good, 5n, 6n)],
  ]
  test.each(rows)('%s (%#)', (code, answer, state = sent) => {
    expect(takeAnswer(state, answer, feeLimit, 0)).toMatchObject({ ok: false, refusal: { code } })
  })

  test('nothing of it: the good one is taken', () => {
    const state = take(sent, good)
    expect([state.newest, state.creditedSum, state.feeSum]).toEqual([good.promise, 24n, 6n])
    expect([state.inFlight, state.pending.size, uncredited(state)]).toEqual([undefined, 0, 0n])
  })

  test('a bounty is promised in full, and is its own sum', () => {
    const given = withBounty(good, 5n, 5n)
    const state = take(sent, given)
    expect([state.newest, state.creditedSum, state.feeSum, state.bountySum]).toEqual([given.promise, 24n, 6n, 5n])
    const next = close(add(state, 'a', 20n))
    expect(next.inFlight?.batch).toMatchObject({ previousAmount: 29n, takesBounty: true })
  })

  test('the limit of the fee is within the limit', () => {
    expect(takeAnswer(sent, answerTo(sent, good.verdicts, 3000), feeLimit, 0).ok).toBe(true)
  })
})

describe('an item that was refused', () => {
  const sent = close(add(add(fresh, 'a', 10n), 'b', 20n))

  test('for good is dropped, and the caller hears of it', () => {
    const verdict = { code: 'promise-breaks-prefix', delta: 0n, final: true }
    const taken = takeAnswer(sent, answerTo(sent, [verdict, { delta: 20n }]), feeLimit, 0)
    expect(taken).toMatchObject({ ok: true, value: { outcomes: [{ key: 'a', verdict }, { key: 'b' }] } })
    expect(taken.ok && [...taken.value.state.pending.keys()]).toEqual([])
  })

  test('for now stays, and gives way to a newer promise', () => {
    const verdict = { code: 'promise-over-capacity', delta: 0n, final: false }
    expect([...take(sent, answerTo(sent, [verdict, { delta: 20n }])).pending.keys()]).toEqual(['a'])
    const newer = add(sent, 'a', 15n)
    const state = take(newer, answerTo(newer, [verdict, { delta: 20n }]))
    expect(state.pending.get('a')?.signed.promise.agreement.total).toBe(15n)
  })
})

describe('after a crash', () => {
  test('the epoch that was open is closed by a batch of its own, before the new one', () => {
    const busy = add(close(add(fresh, 'a', 10n)), 'b', 5n)
    const restarted = restartExchanger(busy, 0)
    expect([restarted.epoch > busy.epoch, restarted.retired]).toEqual([true, [2n]])
    const late = add(restarted, 'c', 7n)
    const answered = take(late, answerTo(late, [{ delta: 10n }]))
    const closing = close(answered)
    expect([closing.inFlight?.batch.epoch, items(closing), closing.epoch]).toEqual([2n, [5n], restarted.epoch])
    const next = close(take(closing, answerTo(closing, [{ delta: 5n }])))
    expect([next.inFlight?.batch.epoch, items(next), next.epoch]).toEqual([restarted.epoch, [7n], restarted.epoch + 1n])
  })

  test('each epoch is opened once, whatever the clock says', () => {
    let state = fresh
    const opened = new Set([state.epoch])
    for (const startedAtMs of [5_000, 4_000, 0, 5_000, 5_000]) {
      state = restartExchanger(state, startedAtMs)
      expect(opened.has(state.epoch)).toBe(false)
      opened.add(state.epoch)
    }
    expect(state.retired).toEqual([...opened].slice(0, -1))
  })
})

describe('with an old backup or a second machine', () => {
  const shown = (amount: bigint, epoch: bigint): SignedAccountantPromise => ({
    provider: bob.identity,
    amount,
    hashlock: lockOf(epoch),
    epoch,
    signature: new Uint8Array(65),
  })

  test("the accountant's newer promise is adopted, and the batch is built anew on it", () => {
    const sent = close(add({ ...fresh, epoch: 9n }, 'a', 10n))
    const again = close(adoptNewest(sent, shown(50n, 5n)))
    expect(again.inFlight?.batch).toMatchObject({ previousAmount: 50n, lastPreimage: own.preimageOf(5n) })
    expect(items(again)).toEqual([10n])
  })

  test('under the same lock: its promises are good under no other', () => {
    const sent = add(close(add({ ...fresh, epoch: 9n }, 'a', 10n)), 'b', 5n, 0, false, 10n)
    const again = close(adoptNewest(sent, shown(50n, 5n)))
    expect(again.inFlight?.batch).toMatchObject({ epoch: 9n, hashlock: lockOf(9n) })
    expect([items(again), again.epoch]).toEqual([[10n], 10n])
  })

  test('an epoch that was answered is not closed again', () => {
    const sent = close(add({ ...fresh, epoch: 9n }, 'a', 10n))
    const state = adoptNewest(sent, shown(50n, 20n))
    expect([state.retired, state.epoch]).toEqual([[], 21n])
  })

  test('what is on its way gives way to what is newer', () => {
    const sent = add(close(add(fresh, 'a', 10n)), 'a', 15n)
    expect(adoptNewest(sent, shown(50n, 0n)).pending.get('a')?.signed.promise.agreement.total).toBe(15n)
  })

  test('a lower promise than our own is not adopted', () => {
    const sent = close(add(fresh, 'a', 10n))
    const state = take(sent, answerTo(sent, [{ delta: 10n }]))
    expect(adoptNewest(state, shown(7n, 5n))).toBe(state)
  })
})

describe('what is refused for good, without proof', () => {
  const dayMs = 86_400_000
  const limit = 10n
  const state = { ...fresh, credited: new Map([['a', 3n]]) }
  const refused = (total: bigint, final: boolean) => ({
    key: 'a',
    signed: signed(total),
    verdict: { code: 'promise-shape', delta: 0n, ...(final ? { final } : {}) },
  })

  test('is summed up to what was credited before; an item that waits or was taken is not in it', () => {
    const accepted = { key: 'b', signed: signed(50n, 1n, 2n), verdict: { delta: 50n } }
    const outcomes = [refused(8n, true), refused(40n, false), accepted]
    expect(addRefusals(noRefusals, state, outcomes, { nowMs: dayMs, limit })).toEqual({ sum: 5n, sinceMs: dayMs })
    expect(addRefusals(noRefusals, state, [accepted], { nowMs: dayMs, limit })).toBe(noRefusals)
  })

  test('counts what an accepted item is short of: after an old backup business goes on, within the limit', () => {
    const sent = close(add(fresh, 'a', 10n))
    const taken = takeAnswer(sent, answerTo(sent, [{ delta: 8n }]), feeLimit, 0)
    if (!taken.ok) throw new Error(taken.refusal.code)
    const { state: after, outcomes } = taken.value
    expect(addRefusals(noRefusals, after, outcomes, { nowMs: dayMs, limit })).toEqual({ sum: 2n, sinceMs: dayMs })
  })

  test('is forgotten after a day, unless it was too much', () => {
    const add = (sum: bigint, nowMs: number) =>
      addRefusals({ sum, sinceMs: dayMs }, state, [refused(8n, true)], { nowMs, limit })
    expect(add(4n, 2 * dayMs - 1)).toEqual({ sum: 9n, sinceMs: dayMs })
    expect(add(4n, 2 * dayMs)).toEqual({ sum: 5n, sinceMs: 2 * dayMs })
    expect(add(11n, 2 * dayMs)).toEqual({ sum: 16n, sinceMs: dayMs })
  })
})
