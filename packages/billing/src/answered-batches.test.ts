import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { type AnsweredBatches, loadAnsweredBatches } from './answered-batches.ts'

const [carol, dave] = ['cc', 'dd'].map((byte) => `0x${byte.repeat(20)}` as const) as [`0x${string}`, `0x${string}`]
const dayMs = 86_400_000
const signed = (fill: number, length = 10) => ({
  content: new Uint8Array(length).fill(fill),
  signature: new Uint8Array(65).fill(fill),
})
const answered = (fill: number, length?: number) => ({ batch: signed(fill, length), answer: signed(fill + 1) })
const epochs = (of: AnsweredBatches) => [...of.read().keys()]

test('keeps each as it was signed, for its own accountant, over restarts', () => {
  const store = createMemoryStore()
  const kept = loadAnsweredBatches(store, carol)
  store.commit(kept.keep(9n, answered(9), 0))
  store.commit(kept.keep(10n, answered(10), 1))
  store.commit(loadAnsweredBatches(store, dave).keep(3n, answered(3), 1))
  const again = loadAnsweredBatches(store, carol)
  expect(epochs(again)).toEqual([9n, 10n])
  expect(again.read().get(10n)).toMatchObject(answered(10))
})

test('for a week, and after a restart too', () => {
  const store = createMemoryStore()
  store.commit(loadAnsweredBatches(store, carol).keep(1n, answered(1), 0))
  const kept = loadAnsweredBatches(store, carol)
  store.commit(kept.keep(2n, answered(2), 7 * dayMs - 1))
  expect(epochs(kept)).toEqual([1n, 2n])
  store.commit(kept.keep(3n, answered(3), 7 * dayMs))
  expect(epochs(kept)).toEqual([2n, 3n])
})

test('no more than fit, the newest always', () => {
  const store = createMemoryStore()
  const kept = loadAnsweredBatches(store, carol)
  const half = 400_000
  for (let epoch = 1n; epoch <= 200n; epoch++) store.commit(kept.keep(epoch, answered(1, half), 0))
  const left = epochs(kept)
  expect(left.at(-1)).toBe(200n)
  expect(left.length).toBe(Math.floor((64 << 20) / (half + 10)))
})
