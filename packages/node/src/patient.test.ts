import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { atMost } from './patient.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test.each([
  ['answers', async () => 'an answer'],
  ['fails', () => Promise.reject(new Error('no answer'))],
])('a task that %s is waited for no longer, and leaves no timer', async (_, task) => {
  await atMost(1000, task())
  expect(vi.getTimerCount()).toBe(0)
})

test('a task that hangs is waited for until patience ends', async () => {
  let waited = false
  void atMost(1000, new Promise(() => {})).then(() => {
    waited = true
  })
  await vi.advanceTimersByTimeAsync(999)
  expect(waited).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(waited).toBe(true)
})
