/** The measurement itself, small: that its figures agree with each other, and that it notices what it says it checks. */

import { loadNativeCrypto } from '@myst/crypto-native'
import { expect, test } from 'vitest'
import { measureExchange } from './exchange/measure.ts'
import { type Fault, planting } from './exchange/plant.fixture.ts'

const crypto = await loadNativeCrypto()
const timeout = 180_000

const measureSmall = (host: string, fault?: Fault) =>
  measureExchange(
    crypto,
    {
      host,
      generators: 2,
      providers: 20,
      consumers: 40,
      items: 16,
      stretches: 2,
      promises: 320,
      curve: [1],
      curveBatches: 20,
      withFairness: fault === undefined,
      nodeArgs: fault === undefined ? [] : planting(fault),
    },
    () => {},
  )

test('its figures agree with each other', { timeout }, async () => {
  const report = await measureSmall('127.0.42.1')
  // Two stretches of twenty batches; of the promises before and in them, one in 97 was changed, in each generator.
  expect(report.recovered).toBe(640)
  expect(report.promises).toBe(634)
  expect(report.asked).toBe(20)
  expect(report.atKill.answered + report.atKill.unanswered).toBe(20)
  expect(report.lostAfterKill).toBe(0)
  expect(report.p99Ms).toBeGreaterThanOrEqual(report.p50Ms)
  expect(report.promisesPerSecond / report.batchesPerSecond).toBeCloseTo(16, -1)
  expect(report.ratio).toBeCloseTo(report.promisesPerSecond / report.limitPerSecond, 2)
  expect(report.curve).toMatchObject([{ items: 1 }])
})

test('an accountant that answers before it commits loses answers, and they are counted', { timeout }, async () => {
  const report = await measureSmall('127.0.44.1', 'answers-before-it-commits')
  expect(report.lostAfterKill).toBe(report.asked)
})

test('an accountant that recovers no signature is caught by a promise that was changed after it was signed', {
  timeout,
}, async () => {
  // What else it says of the changed one depends on whether a later one of its channel came before.
  await expect(measureSmall('127.0.45.1', 'recovers-nothing')).rejects.toThrow(
    /changed promise: (accepted|promise-amount-behind)|good promise: promise-/,
  )
})
