import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createReplayWindow, replayWindowSize } from './replay-window.ts'

test('accepts no counter twice, and each new one inside the window', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 * replayWindowSize }), { maxLength: 400 }), (counters) => {
      const window = createReplayWindow()
      const accepted = new Set<number>()
      let highest = -1
      for (const counter of counters) {
        const isNew = !accepted.has(counter) && counter > highest - replayWindowSize
        expect(window.accept(counter)).toBe(isNew)
        if (isNew) accepted.add(counter)
        highest = Math.max(highest, counter)
      }
    }),
  )
})

test('stays right across a jump far ahead', () => {
  const window = createReplayWindow()
  for (let counter = 0; counter < replayWindowSize; counter++) window.accept(counter)
  expect(window.accept(10 * replayWindowSize)).toBe(true)
  expect(window.accept(9 * replayWindowSize + 1)).toBe(true)
  expect(window.accept(9 * replayWindowSize)).toBe(false)
  expect(window.accept(10 * replayWindowSize)).toBe(false)
})

test.each([-1, 0.5, Number.NaN, 2 ** 60])('refuses the counter %s', (counter) => {
  expect(createReplayWindow().accept(counter)).toBe(false)
})
