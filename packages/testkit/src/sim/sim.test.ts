/**
 * The simulator in `./dev test`: a thousand worlds without a violation, and every planted mistake seen.
 */

import { expect, test } from 'vitest'
import { mistakes } from './mistakes.ts'
import { replay, seek, simulate } from './report.ts'

const long = process.env.MYST_LONG === '1'
const say = () => {}

test('a thousand worlds break no rule, and nobody honest loses more than its line', { timeout: 600_000 }, async () => {
  const report = await simulate({ runs: long ? 20_000 : 1000, seed: 1, threads: 2, plantedRuns: 0, say })
  expect(report.failures).toEqual([])
  expect(report.runs).toBe(long ? 20_000 : 1000)
  // Not because nothing happened.
  expect(report.steps / report.runs).toBeGreaterThan(200)
  expect(report.promises / report.runs).toBeGreaterThan(5)
  expect(report.maxLoss.providerPerConsumer).toBeGreaterThan(0n)
  expect(report.maxLoss.providerToAccountant).toBeGreaterThan(0n)
})

test.each(mistakes)('$name is seen: $what', { timeout: 120_000 }, async (mistake) => {
  expect(await seek(mistake, 1, 200)).toBeDefined()
})

test('a seed plays the same run again, step by step', { timeout: 60_000 }, async () => {
  const [first, again] = [await replay(7, say), await replay(7, say)]
  expect(again).toEqual(first)
  expect(first.steps).toBeGreaterThan(200)
})
