import { expect, test } from 'vitest'
import { createRetrySpread } from './retry-spread.ts'

/** Where each failure is heard at once, so that the waits add up. */
function returnsMs(random: () => number, tries: number): readonly number[] {
  const spread = createRetrySpread(random)
  let atMs = 0
  return Array.from({ length: tries }, () => {
    atMs += spread.failed()
    return atMs
  })
}

test('twice as late each time, up to half a minute, and at once again after it worked', () => {
  const spread = createRetrySpread(() => 1 - Number.EPSILON)
  const waits = Array.from({ length: 9 }, () => spread.failed())
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  spread.worked()
  expect(spread.failed()).toBe(500)
  expect(createRetrySpread(() => 0).failed()).toBe(250)
})

test('a thousand that fail in one moment do not come back in one: of each return, less than a tenth in any hundredth of the time', () => {
  let state = 1
  /** Park and Miller, minimal standard: the same chances in each run. */
  const random = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const all = Array.from({ length: 1000 }, () => returnsMs(random, 6))
  for (let at = 0; at < 6; at++) {
    const times = all.map((returns) => returns[at] as number)
    const slotMs = Math.max(...times) / 100
    const slots = new Map<number, number>()
    for (const time of times) slots.set(Math.floor(time / slotMs), (slots.get(Math.floor(time / slotMs)) ?? 0) + 1)
    expect(Math.max(...slots.values())).toBeLessThan(100)
  }
})
