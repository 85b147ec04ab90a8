import { Fault } from '@myst/protocol'
import { expect, test } from 'vitest'
import { createRounds, unhurried } from './rounds.ts'

test('a long walk lets others have their turn after some items, and meets each once', async () => {
  const met: number[] = []
  let others = 0
  let walking = true
  const other = () => {
    others += 1
    if (walking) setImmediate(other)
  }
  setImmediate(other)
  const items = Array.from({ length: 10_250 }, (_, index) => index)
  for await (const some of unhurried(items)) {
    expect(some.length).toBeLessThanOrEqual(500)
    met.push(...some)
  }
  walking = false
  expect(met).toEqual(items)
  expect(others).toBeGreaterThanOrEqual(20)
})

test('rounds never overlap, what is asked for comes in between, and a fault ends none of them', async () => {
  const faults: string[] = []
  let [rounds, atOnce, most] = [0, 0, 0]
  const work = async () => {
    most = Math.max(most, ++atOnce)
    await new Promise((resolve) => setTimeout(resolve, 5))
    atOnce -= 1
  }
  const round = async () => {
    rounds += 1
    await work()
    throw new Fault('chain-unreachable')
  }
  const { inTurn, close } = createRounds(round, 1, (fault) => faults.push(fault.code))
  await expect.poll(() => rounds).toBeGreaterThan(2)
  await Promise.all([inTurn(work), inTurn(work)])
  await close()
  expect([most, atOnce]).toEqual([1, 0])
  expect(faults).toHaveLength(rounds)
})
