import { expect, test } from 'vitest'
import { createRepeats } from './api-repeats.ts'

test('a write is done once for a key, also while it is under way', async () => {
  const repeats = createRepeats()
  let done = 0
  const work = async () => ++done
  const ask = (request = 'settle') => repeats.once('one', [request], work)
  expect(await Promise.all([ask(), ask()])).toEqual([1, 1])
  expect(await ask()).toBe(1)
  expect(await repeats.once('two', ['settle'], work)).toBe(2)
  await expect(ask('withdraw')).rejects.toMatchObject({ code: 'idempotency-key-reused' })
  expect(done).toBe(2)
})

test('what failed is tried again', async () => {
  const repeats = createRepeats()
  let tries = 0
  const ask = () =>
    repeats.once('one', [], async () => {
      if (++tries === 1) throw new Error('away')
      return 'done'
    })
  await expect(ask()).rejects.toThrow('away')
  expect(await ask()).toBe('done')
})

test('the newest thousand answers are kept', async () => {
  const repeats = createRepeats()
  let done = 0
  const ask = (key: number) => repeats.once(String(key), [], async () => ++done)
  for (let key = 0; key <= 1000; key++) await ask(key)
  await ask(1)
  expect(done).toBe(1001)
  await ask(0)
  expect(done).toBe(1002)
})

test('what is under way is done once, however many keys come after it', async () => {
  const repeats = createRepeats()
  const settling = Promise.withResolvers<string>()
  let done = 0
  const settle = () =>
    repeats.once('settle', [], () => {
      done++
      return settling.promise
    })
  const first = settle()
  for (let key = 0; key <= 2000; key++) await repeats.once(String(key), [], async () => key)
  const again = settle()
  settling.resolve('settled')
  expect([await first, await again, await settle(), done]).toEqual(['settled', 'settled', 'settled', 1])
})

test.each(['', 'a b', 'ä', 'x'.repeat(129)])('%j is no key', async (key) => {
  await expect(createRepeats().once(key, [], async () => 1)).rejects.toMatchObject({ code: 'idempotency-key-invalid' })
})
