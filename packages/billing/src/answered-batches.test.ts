import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { type AnsweredBatches, loadAnsweredBatches } from './answered-batches.ts'

const [carol, dave] = ['cc', 'dd'].map((byte) => `0x${byte.repeat(20)}` as const) as [`0x${string}`, `0x${string}`]
const signed = (fill: number, length = 10) => ({
  content: new Uint8Array(length).fill(fill),
  signature: new Uint8Array(65).fill(fill),
})
const answered = (fill: number, length?: number) => ({ batch: signed(fill, length), answer: signed(fill + 1) })
const epochs = (of: AnsweredBatches) => [...of.read().keys()]

test('keeps each as it was signed, for its own accountant, over restarts', () => {
  const store = createMemoryStore()
  const kept = loadAnsweredBatches(store, carol)
  store.commit(kept.keep(9n, answered(9)))
  store.commit(kept.keep(10n, answered(10)))
  store.commit(loadAnsweredBatches(store, dave).keep(3n, answered(3)))
  const again = loadAnsweredBatches(store, carol)
  expect(epochs(again)).toEqual([9n, 10n])
  expect(again.read().get(10n)).toMatchObject(answered(10))
})

test('no more than fit, the newest always', () => {
  const store = createMemoryStore()
  const kept = loadAnsweredBatches(store, carol)
  const half = 400_000
  for (let epoch = 1n; epoch <= 200n; epoch++) store.commit(kept.keep(epoch, answered(1, half)))
  const left = epochs(kept)
  expect(left.at(-1)).toBe(200n)
  expect(left.length).toBe(Math.floor((32 << 20) / (half + 10)))
})
