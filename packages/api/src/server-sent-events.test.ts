import { expect, test } from 'vitest'
import { decodeEvents, encodeEvent } from './server-sent-events.ts'

async function decode(bytes: Uint8Array, chunkBytes: number): Promise<unknown[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  const values: unknown[] = []
  for await (const value of decodeEvents(chunks(), 1000)) values.push(value)
  return values
}

test('events are the same however they are cut, also within a character', async () => {
  const values = [{ text: 'zwei\n\nZeilen' }, { text: '½ 🦊' }, []]
  const bytes = new TextEncoder().encode(values.map((value, id) => encodeEvent(id, value)).join(''))
  for (let chunkBytes = 1; chunkBytes <= bytes.length; chunkBytes++) {
    expect(await decode(bytes, chunkBytes)).toEqual(values)
  }
})

test('comments and half events give nothing', async () => {
  expect(await decode(new TextEncoder().encode(': hello\n\ndata: {"half":'), 100)).toEqual([])
})

test('an event without an end is not gathered for ever', async () => {
  await expect(decode(new Uint8Array(5000).fill(97), 100)).rejects.toThrow(RangeError)
})
