import type { Address } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { beforeEach, expect, test } from 'vitest'
import { createDayBook } from './day-book.ts'
import { createReverts } from './reverts.ts'

const mallory: Address = `0x${'66'.repeat(20)}`
const alice: Address = `0x${'a1'.repeat(20)}`
const dayMs = 86_400_000
let store = createMemoryStore()
let nowMs = 0
const now = () => nowMs
beforeEach(() => {
  store = createMemoryStore()
  nowMs = 20_000 * dayMs
})

test('two reverts in a day close an identity for a day, also across a restart', () => {
  const reverts = createReverts(store, now)
  store.commit(reverts.add(mallory))
  expect(reverts.closedUntilMs(mallory)).toBeUndefined()
  nowMs += 1000
  store.commit(reverts.add(mallory))
  const again = createReverts(store, now)
  expect(again.closedUntilMs(mallory)).toBe(nowMs + dayMs)
  expect(again.closedUntilMs(alice)).toBeUndefined()
  nowMs += dayMs
  expect(again.closedUntilMs(mallory)).toBeUndefined()
})

test('reverts more than a day apart close nobody', () => {
  const reverts = createReverts(store, now)
  reverts.add(mallory)
  nowMs += dayMs
  reverts.add(mallory)
  expect(reverts.closedUntilMs(mallory)).toBeUndefined()
})

test('what a day cost is remembered for that day and the next', () => {
  const book = createDayBook(store, now)
  store.commit(book.add({ spent: 5n, lost: 2n, given: 1 }))
  store.commit(book.add({ spent: 5n }))
  expect(createDayBook(store, now).today()).toEqual({ spent: 10n, lost: 2n, advanced: 0n, sponsored: 0, given: 1 })
  nowMs += dayMs
  expect(book.today().spent).toBe(0n)
  expect(book.yesterday().spent).toBe(10n)
  nowMs += 2 * dayMs
  store.commit(book.add({ spent: 1n }))
  expect([...store.load('days')].length).toBe(1)
})
