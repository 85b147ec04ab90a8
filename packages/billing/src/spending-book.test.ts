import { referenceCrypto as crypto } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { openSpendingBook } from './spending-book.ts'

const [bob, dan] = [0xb0, 0xd0].map((byte) => crypto.addressOf(new Uint8Array(32).fill(byte))) as [
  ReturnType<typeof crypto.addressOf>,
  ReturnType<typeof crypto.addressOf>,
]
const noon = Date.parse('2026-11-21T12:00:00Z')
const dayMs = 86_400_000

function book(limits: Parameters<typeof openSpendingBook>[1], store = createMemoryStore()) {
  let nowMs = noon
  const open = () => openSpendingBook(store, limits, () => nowMs)
  let spending = open()
  return {
    /** For everybody, for Bob and for Dan. */
    get left() {
      return [spending.leftFor(), spending.leftFor(bob), spending.leftFor(dan)]
    },
    refused: (who: typeof bob, step: bigint) => spending.refusalOf(who, step)?.code,
    spend(who: typeof bob, step: bigint) {
      store.commit(spending.writesOf(who, step))
      spending.spend(who, step)
    },
    jump(ms: number) {
      nowMs += ms
    },
    restart() {
      spending = open()
    },
    rows: () => [...store.load('payer-spending')].length,
  }
}

test('without limits there is none', () => {
  const mine = book({})
  expect(mine.left).toEqual([undefined, undefined, undefined])
  expect(mine.refused(bob, 10n ** 30n)).toBeUndefined()
})

test('a day is one for all, a provider has its own part of it, and a restart forgets neither', () => {
  const mine = book({ perDay: 100n, perProviderDay: 60n })
  mine.spend(bob, 50n)
  expect(mine.left).toEqual([50n, 10n, 60n])
  expect(mine.refused(bob, 11n)).toBe('invoice-over-provider-limit')
  mine.restart()
  expect(mine.left).toEqual([50n, 10n, 60n])
  expect(mine.refused(bob, 10n)).toBeUndefined()
  mine.spend(dan, 45n)
  expect(mine.refused(bob, 6n)).toBe('invoice-over-day-limit')
  expect(mine.left).toEqual([5n, 10n, 15n])
})

test('tomorrow is another day; a clock that is set back finds what was spent, and old days are forgotten', () => {
  const mine = book({ perDay: 100n })
  mine.spend(bob, 90n)
  mine.jump(dayMs)
  expect(mine.left[0]).toBe(100n)
  mine.spend(bob, 1n)
  mine.jump(-dayMs)
  mine.restart()
  expect(mine.left[0]).toBe(10n)
  for (let days = 0; days < 50; days++) {
    mine.jump(dayMs)
    mine.spend(bob, 1n)
  }
  // The newest 32, and the day that began since.
  expect(mine.rows()).toBe(2 * 33)
})

test('a clock that runs ahead and is set back, over and over, gives one more allowance for each other day and none for today', () => {
  const mine = book({ perDay: 100n })
  mine.spend(bob, 100n)
  for (let times = 0; times < 5; times++) {
    mine.jump(10 * dayMs)
    mine.spend(bob, 1n)
    mine.jump(-10 * dayMs)
    expect(mine.left[0]).toBe(0n)
  }
})

test('a limit that was lowered below what was spent leaves nothing, not less', () => {
  const store = createMemoryStore()
  book({ perDay: 100n }, store).spend(bob, 90n)
  expect(book({ perDay: 50n }, store).left[0]).toBe(0n)
})
