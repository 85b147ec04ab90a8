import { expect, test } from 'vitest'
import { bodyOf } from './answer-body.ts'

const part = new Uint8Array(1000).fill(7)

/** Sends as long as it is read. */
function endless() {
  let sent = 0
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>({
    pull(to) {
      // A reader that never stops would take the test's memory.
      if (++sent > 100) to.close()
      else to.enqueue(part)
    },
    cancel() {
      cancelled = true
    },
  })
  return { response: new Response(stream), end: () => ({ sent, cancelled }) }
}

test('an answer of the size that is wanted is read whole', async () => {
  expect(await bodyOf(new Response(part), { maxBytes: 1000 })).toEqual(part)
  expect(await bodyOf(new Response(null), { maxBytes: 1000 })).toEqual(new Uint8Array())
})

test('an answer without end is read until it is seen to be too long, and left', async () => {
  const { response, end } = endless()
  expect((await bodyOf(response, { maxBytes: 4500 })).length).toBe(5000)
  expect(end().cancelled).toBe(true)
  expect(end().sent).toBeLessThan(10)
})

test('an answer that never comes to its end is cut off', async () => {
  const stream = new ReadableStream<Uint8Array>({ start: (to) => to.enqueue(part) })
  expect(await bodyOf(new Response(stream), { maxBytes: 4500, withinMs: 20 })).toEqual(part)
})
