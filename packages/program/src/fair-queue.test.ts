import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFairQueue } from './fair-queue.ts'

const everybody = () => true

test('a flood of one leaves the next of another second in line', () => {
  const queue = createFairQueue<number>({ maxItems: 1000, maxPerOwner: 500 })
  for (let item = 0; item < 500; item++) queue.push('mallory', item)
  queue.push('alice', 1)
  const served = [queue.take(everybody), queue.take(everybody)].map((taken) => taken?.owner)
  expect(served).toEqual(['mallory', 'alice'])
})

/** How many are served before an item that comes to this queue: its latency, whatever a transaction takes. */
function servedBefore(queue: ReturnType<typeof createFairQueue<string>>, owner: string): number {
  queue.push(owner, 'probe')
  for (let before = 0; ; before++) {
    const taken = queue.take(everybody)
    if (taken?.item === 'probe') return before
  }
}

test('one that floods does not double the 99th percentile of the others', () => {
  const p99 = (flood: number) => {
    const waits: number[] = []
    for (let round = 0; round < 200; round++) {
      const queue = createFairQueue<string>({ maxItems: 10_000, maxPerOwner: 1000 })
      for (let item = 0; item < flood; item++) queue.push('mallory', 'flood')
      for (let person = 0; person < 1 + (round % 20); person++) queue.push(`person ${person}`, 'usual')
      waits.push(servedBefore(queue, 'alice'))
    }
    return waits.sort((one, other) => one - other)[Math.floor(waits.length * 0.99)] ?? 0
  }
  expect(p99(1000)).toBeLessThan(2 * p99(0))
})

test('each owner gets its own items back in order, and nothing is lost or made', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }), (owners) => {
      const queue = createFairQueue<number>({ maxItems: 40, maxPerOwner: 15 })
      const taken = new Map<string, number[]>()
      const pushed = owners.flatMap((owner, item) =>
        queue.push(owner, item) === 'queued' ? [[owner, item] as const] : [],
      )
      expect(queue.size()).toBe(pushed.length)
      for (let next = queue.take(everybody); next !== undefined; next = queue.take(everybody)) {
        taken.set(next.owner, [...(taken.get(next.owner) ?? []), next.item])
      }
      for (const owner of new Set(owners)) {
        expect(taken.get(owner) ?? []).toEqual(pushed.flatMap(([who, item]) => (who === owner ? [item] : [])))
      }
    }),
  )
})

test('an owner who is busy is passed over, and keeps its turn', () => {
  const queue = createFairQueue<number>({ maxItems: 10, maxPerOwner: 10 })
  queue.push('a', 1)
  queue.push('b', 2)
  expect(queue.take((owner) => owner !== 'a')).toEqual({ owner: 'b', item: 2 })
  expect(queue.take(everybody)).toEqual({ owner: 'a', item: 1 })
})

test('is bounded: per owner, and in all', () => {
  const queue = createFairQueue<number>({ maxItems: 3, maxPerOwner: 2 })
  expect(['a', 'a', 'a', 'b', 'c'].map((owner, item) => queue.push(owner, item))).toEqual([
    'queued',
    'queued',
    'owner-full',
    'queued',
    'full',
  ])
})
