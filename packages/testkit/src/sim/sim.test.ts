/**
 * The simulator in `./dev test`: a thousand worlds without a violation, and every planted mistake seen.
 */

import { beforeAll, describe, expect, test } from 'vitest'
import { mistakes, type PlantedMistake } from './mistakes.ts'
import { type Caught, replay, seekAll, simulate } from './report.ts'
import { soak } from './soak.ts'

const long = process.env.MYST_LONG === '1'
const say = () => {}
const leak: PlantedMistake = {
  name: 'leak',
  what: 'half a KiB of each keep-alive is kept',
  edits: [
    {
      file: 'node/src/provider/provider-session.ts',
      find: '    heard: () => {\n',
      put: '    heard: () => {\n      ;((globalThis as any).heard ??= []).push(new Array(64).fill(0.5))\n',
    },
  ],
}

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

test('a quiet hour of twenty sessions breaks no rule, and nothing grows', { timeout: 120_000 }, async () => {
  const report = await soak({ sessions: 20, hours: 1, seed: 1, threads: 1, say })
  expect(report.failures).toEqual([])
  expect(report.sessionsBegun).toBeGreaterThan(20)
  expect(report.promises).toBeGreaterThan(200)
  expect(report.maxLoss.providerToAccountant).toBe(0n)
})

test('a soak tells of what each keep-alive leaves behind', { timeout: 120_000 }, async () => {
  const report = await soak({ sessions: 20, hours: 1, seed: 1, threads: 1, say, mistake: leak })
  expect(report.failures.map(({ rule }) => rule)).toEqual(['heap'])
})

describe('planted mistakes', () => {
  /** From seed 1 on these are seen after some thirty worlds: here they begin a little before. */
  const seeds: Readonly<Record<string, number>> = {
    W2: 40,
    W3: 30,
    W29: 25,
    'old-backup-unasked': 38,
    'old-ledger-drawn-on': 24,
  }
  let caught: ReadonlyMap<string, Caught> = new Map()
  beforeAll(async () => {
    caught = await seekAll(mistakes, { seedOf: ({ name }) => seeds[name] ?? 1, runs: 200, threads: 2, say })
  }, 600_000)

  test.each(mistakes)('$name is seen: $what', ({ name }) => {
    expect(caught.get(name)).toBeDefined()
  })
})

test('a seed plays the same run again, step by step', { timeout: 60_000 }, async () => {
  const [first, again] = [await replay(7, say), await replay(7, say)]
  expect(again).toEqual(first)
  expect(first.steps).toBeGreaterThan(200)
})
