import { referenceCrypto } from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { settleMany } from './measure.ts'
import { type GasWorld, openGasWorld } from './world.ts'

let world: GasWorld

beforeAll(async () => {
  world = await openGasWorld(referenceCrypto, 2)
})

afterAll(() => world.close())

test('a batch whose items were skipped gives no figure', async () => {
  const replay = { ...world, promise: once(world.promise) }
  expect(await settleMany(replay, world.people)).toBeGreaterThan(21_000)
  await expect(settleMany(replay, world.people)).rejects.toThrow('moved 0 sums where 2 were due')
})

test('nor does one that paid some and skipped others', async () => {
  const [alice, bob] = world.people as [GasWorld['people'][0], GasWorld['people'][0]]
  const spoilt = { ...world, promise: (person: typeof alice) => spoil(world.promise(person), person === bob) }
  await expect(settleMany(spoilt, [alice, bob])).rejects.toThrow('moved 1 sums where 2 were due')
})

/** Gives everybody their first promise again and again. */
function once(promise: GasWorld['promise']): GasWorld['promise'] {
  const first = new Map<string, ReturnType<GasWorld['promise']>>()
  return (person) => {
    const made = first.get(person.identity) ?? promise(person)
    first.set(person.identity, made)
    return made
  }
}

const spoil = (made: ReturnType<GasWorld['promise']>, bad: boolean) =>
  bad ? { ...made, amount: made.amount + 1n } : made
