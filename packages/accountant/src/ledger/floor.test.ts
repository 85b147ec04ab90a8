import { referenceCrypto } from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { alice, bob, dave, type Mistake } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ledgerWith } from './mistakes.fixture.ts'
import type { Subject } from './solvency.fixture.ts'
import * as ledger from './testing.ts'
import {
  bytesOf,
  channelOf,
  commandOf,
  item,
  lockOf,
  openTestLedger,
  pass,
  preimageOf,
  reveal,
  word,
} from './testing.ts'
import { verifyLog } from './verify-log.ts'

const dayMs = 86_400_000
const channel = channelOf(alice.identity)

const steps = fc.array(
  fc.record({
    /** What is revealed more, and the agreement of it. */
    adds: fc.bigInt(0n, 5n),
    id: fc.integer({ min: 1, max: 4 }),
    days: fc.integer({ min: 0, max: 12 }),
  }),
  { maxLength: 25 },
)
type Step = typeof steps extends fc.Arbitrary<readonly (infer S)[]> ? S : never

/** Plays the steps, a look each day, and holds the floor against a list of what was revealed when. */
function play(subject: Subject, taken: readonly Step[]): void {
  const state = subject.createState()
  const change = (work: (draft: ReturnType<typeof subject.createDraft>) => void) => {
    const draft = subject.createDraft(state)
    work(draft)
    state.merge(draft)
  }
  const revealed: bigint[] = [0n]
  const keyOf = (id: number) => subject.agreementKeyOf(channel, bob.identity, word(id))
  const ids = [1, 2, 3, 4]
  const agreements = ids.map((id) => ({ channel, provider: bob.identity, id: word(id) }))
  for (const { adds, id, days } of taken) {
    const amount = (revealed.at(-1) ?? 0n) + adds
    revealed[revealed.length - 1] = amount
    change((draft) => {
      if (adds === 0n) return
      draft.put('channels', channel, { ...subject.emptyAccount(alice.identity), revealedAmount: amount })
      draft.put('agreements', keyOf(id), { total: amount, amount })
    })
    for (let day = 0; day < days; day++) {
      revealed.push(revealed.at(-1) ?? 0n)
      const was = new Map(ids.map((of) => [of, state.get('agreements', keyOf(of))]))
      change((draft) => {
        const locks: never[] = []
        subject.applyCommand(draft, referenceCrypto, {
          kind: 'age',
          elapsedMs: dayMs,
          channels: [channel],
          agreements,
          locks,
        })
      })
      const floor = state.get('floors', channel)?.floor ?? 0n
      const ago = (count: number) => revealed[revealed.length - 1 - count] ?? 0n
      expect(floor).toBeLessThanOrEqual(ago(30))
      expect(floor).toBeGreaterThanOrEqual(ago(62))
      for (const [of, before] of was) {
        const stays = before !== undefined && !(state.get('floors', channel) && before.amount <= floor)
        expect(state.get('agreements', keyOf(of))).toEqual(stays ? before : undefined)
      }
    }
  }
}

const check = (subject: Subject, numRuns: number) =>
  fc.assert(
    fc.property(steps, (taken) => play(subject, taken)),
    { numRuns },
  )

describe('the floor is what was revealed one to two months ago, and only what lies under it is forgotten', () => {
  test('over any times and amounts', () => check(ledger, 500))

  const inFloor = (what: string, find: string, put: string): Mistake => ({ what, file: 'floor.ts', find, put })
  test.each([
    inFloor('takes what is revealed now', '{ floor: mark.amount }', '{ floor: revealed }'),
    inFloor('is in a hurry', 'now - mark.atMs < keptMs ?', 'now - mark.atMs < keptMs / 2 ?'),
    inFloor('rises once', 'revealed > floor ? {', 'floor === 0n ? {'),
    inFloor('keeps what lies at the floor', 'agreement.amount <= floor', 'agreement.amount < floor'),
    inFloor('forgets what lies above it', 'agreement.amount <= floor', 'agreement.amount >= floor'),
  ])('fails for one that $what', async (mistake) => {
    const mistaken = await ledgerWith(mistake)
    expect(() => check(mistaken, 500)).toThrow()
  })
})

describe('in the ledger', () => {
  const batchOf = (epoch: bigint, before: bigint, wishes: readonly { amount: bigint; id: number; lock?: bigint }[]) =>
    commandOf({
      provider: bob.identity,
      epoch,
      hashlock: lockOf(bob.identity, epoch),
      previousAmount: before,
      items: wishes.map(({ amount, id, lock = epoch }) =>
        item({
          consumer: alice.identity,
          provider: bob.identity,
          amount,
          total: amount - before,
          id: word(id),
          lock: lockOf(bob.identity, lock),
        }),
      ),
    })
  const all = {
    channels: [channel],
    agreements: [1, 2].map((id) => ({ channel, provider: bob.identity, id: word(id) })),
  }
  const locks = [1n, 2n].map((epoch) => lockOf(bob.identity, epoch))

  test('nothing is forgotten, and no time passes, while a restored ledger is offered what it lost', async () => {
    const opened = await openTestLedger(createMemoryLedgerStore())
    await opened.apply(batchOf(1n, 0n, [{ amount: 10n, id: 1 }]))
    await reveal(opened, bob.identity, preimageOf(bob.identity, 1n))
    await pass(opened, 0, all)
    await opened.apply({ kind: 'begin-recovery', atMs: 1n, reason: 'operator' })
    const before = bytesOf(opened)
    expect(await pass(opened, 90, { ...all, locks })).toEqual({ agreements: 0, locks: 0 })
    expect(bytesOf(opened)).toEqual(before)
  })

  test('a promise that is late by less than a month is good, and what is forgotten stays so over a restart and a replay', async () => {
    const store = createMemoryLedgerStore()
    let opened = await openTestLedger(store)
    await opened.apply(batchOf(1n, 0n, [{ amount: 10n, id: 1 }]))
    await reveal(opened, bob.identity, preimageOf(bob.identity, 1n))
    await pass(opened, 0, all)
    await pass(opened, 29, { ...all, locks })
    const late = await opened.apply(batchOf(2n, 10n, [{ amount: 20n, id: 2, lock: 1n }]))
    expect(late.kind).toBe('answered')
    expect(opened.get('totals', 'all')).toMatchObject({ promises: 2 })

    expect(await pass(opened, 1, { ...all, locks })).toEqual({ agreements: 1, locks: 1 })
    expect([...opened.entries('agreements')].map(([, { total }]) => total)).toEqual([10n])
    const before = bytesOf(opened)
    opened = await openTestLedger(store)
    expect(bytesOf(opened)).toEqual(before)
    expect(bytesOf((await verifyLog(store, referenceCrypto)).state)).toEqual(before)
  })

  test('time that nobody tells of does not pass, and a look that finds nothing leaves no trace', async () => {
    const opened = await openTestLedger()
    const before = bytesOf(opened)
    expect(await pass(opened, 0, { ...all, channels: [channelOf(dave.identity)], locks })).toEqual({
      agreements: 0,
      locks: 0,
    })
    expect(bytesOf(opened)).toEqual(before)
  })
})
