/**
 * Solvency by exhaustion: two consumers, two providers, small amounts, every order of crediting and revealing.
 *
 * In each state that can be reached, and for every subset of the preimages that are still secret: what providers could
 * settle with those shown is at most what the accountant could collect with them (A1, A3).
 */

import type { Address } from '@myst/protocol'
import { alice, bob, carol, dave } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { ledgerWith, withoutPrefix, withoutReveal } from './mistakes.fixture.ts'
import { createWorlds, nothing, type Wish, type World, type Worlds } from './solvency.fixture.ts'
import * as ledger from './testing.ts'

const consumers = [alice.identity, dave.identity] as const
const providers = [bob.identity, carol.identity] as const
const people = { consumers, providers }
const long = process.env.MYST_LONG === '1'
const worlds = createWorlds(ledger, people)
const { lock, send, reveal, ruin, keyOf } = worlds

/** Visits every world that `next` can reach, each once. @returns how many there were. */
function explore(next: (world: World) => Iterable<World>, visit: (world: World) => void, maxSteps = 100): number {
  const seen = new Set([keyOf(nothing)])
  let layer: World[] = [nothing]
  for (let step = 0; step < maxSteps && layer.length > 0; step++) {
    const found: World[] = []
    for (const world of layer) {
      for (const reached of next(world)) {
        const key = keyOf(reached)
        if (seen.has(key)) continue
        seen.add(key)
        visit(reached)
        found.push(reached)
      }
    }
    layer = found
  }
  return seen.size
}

/** Anything at all that a consumer could sign. */
function anyBatch(maxAmount: number): readonly (readonly Wish[])[] {
  const [first = [], second = []] = consumers.map((consumer) =>
    Array.from({ length: maxAmount }, (_, a) => a + 1).flatMap((amount) =>
      Array.from({ length: amount }, (_, t) => ({ consumer, amount, total: t + 1 })),
    ),
  )
  return [...first.map((a) => [a]), ...second.map((b) => [b]), ...first.flatMap((a) => second.map((b) => [a, b]))]
}

function* anything(world: World, batches: readonly (readonly Wish[])[], { send, reveal }: Worlds): Iterable<World> {
  for (const provider of providers) {
    for (const wishes of batches) {
      yield send(world, provider, wishes)[0]
      yield send(world, provider, wishes, { withhold: true })[0]
    }
    yield reveal(world, provider)
  }
}

describe('whatever consumers sign and providers withhold', () => {
  const mustHold = (world: World) => {
    const why = ruin(world)
    if (why !== undefined) throw new Error(`${why} after ${JSON.stringify([world.items, [...world.revealed]])}`)
  }

  /** Up to this amount and so many steps; within 100 all that can be reached is reached: 23,585 worlds with 3 (`--long`, minutes). */
  const searches: [maxAmount: number, maxSteps: number][] = [
    [2, 100],
    [3, long ? 100 : 2],
  ]
  test.each(searches)(
    'every subset of preimages leaves the accountant solvent: amounts up to %i, %i steps',
    { timeout: 900_000 },
    (maxAmount, maxSteps) => {
      const found = explore((world) => anything(world, anyBatch(maxAmount), worlds), mustHold, maxSteps)
      expect(found).toBeGreaterThan(1_000)
    },
  )

  test.each([withoutPrefix, withoutReveal])(
    'the same search finds the ruin of a ledger that $what',
    async (mistake) => {
      const mistaken = createWorlds(await ledgerWith(mistake), people)
      expect(() => explore((world) => anything(world, anyBatch(2), mistaken), mustHold, 3)).toThrow(/A[13]:/)
    },
  )
})

describe('a consumer with one serial ledger', () => {
  /** Signed and not yet sent, in the order of signing; and what each consumer has promised in all. */
  interface Plan {
    readonly signed: readonly (Wish & { readonly provider: Address; readonly lock: string; readonly at: number })[]
    readonly spent: Readonly<Record<Address, number>>
  }

  /**
   * Every way to sign up to `most` units in all and to exchange what was signed, in any order, with any reveals.
   * @returns how many exchanges were tried, and the refusals among them.
   */
  function search(most: number, serial: boolean): { tried: number; refused: string[] } {
    const refused: string[] = []
    let tried = 0
    const seen = new Set<string>()
    const go = (world: World, { signed, spent }: Plan): void => {
      const key = `${keyOf(world)} ${JSON.stringify([signed.map((of) => ({ ...of, lock: world.revealed.has(of.lock) })), spent])}`
      if (seen.has(key)) return
      seen.add(key)
      const total = Object.values(spent).reduce((a, b) => a + b, 0)
      for (const provider of providers) {
        const shown = reveal(world, provider)
        if (shown !== world) go(shown, { signed, spent })
        for (const consumer of consumers) {
          for (let step = 1; step <= most - total; step++) {
            const before =
              signed.filter((of) => of.provider === provider && of.consumer === consumer).at(-1)?.total ?? 0
            // Two ledgers that know nothing of each other: one for each provider.
            const base = serial ? (spent[consumer] ?? 0) : before
            const wish = {
              consumer,
              provider,
              amount: base + step,
              total: before + step,
              lock: lock(provider, (world.epochs[provider] ?? 0) + 1),
              at: signed.length,
            }
            go(world, { signed: [...signed, wish], spent: { ...spent, [consumer]: (spent[consumer] ?? 0) + step } })
          }
          // Any promise of each consumer that is newer than what was credited; the other's along with it, or not.
        }
        for (const wishes of choices(world, provider, signed)) {
          tried += 1
          const [after, codes] = send(world, provider, wishes)
          for (const code of codes) if (code !== undefined) refused.push(code)
          if (refused.length === 0 || !serial) go(after, { signed, spent })
          if (refused.length > 0 && !serial) return
        }
      }
    }
    go(nothing, { signed: [], spent: {} })
    return { tried, refused }
  }

  function* choices(
    world: World,
    provider: Address,
    signed: readonly (Wish & { provider: Address })[],
  ): Iterable<Wish[]> {
    const perConsumer = consumers.map((consumer) => {
      const credited = world.items.filter((of) => of.consumer === consumer && of.provider === provider)
      const total = credited.reduce((sum, { delta }) => sum + delta, 0)
      const newer = signed.filter((of) => of.consumer === consumer && of.provider === provider && of.total > total)
      return [undefined, ...newer]
    })
    for (const first of perConsumer[0] ?? []) {
      for (const second of perConsumer[1] ?? []) {
        const wishes = [first, second].filter((of) => of !== undefined)
        if (wishes.length > 0) yield wishes
      }
    }
  }

  test('is never refused, whatever order its promises are exchanged and revealed in', { timeout: 600_000 }, () => {
    const { tried, refused } = search(long ? 4 : 3, true)
    expect(refused).toEqual([])
    expect(tried).toBeGreaterThan(1_000)
  })

  test('with two ledgers that know nothing of each other is refused: the search would show it', () => {
    const { refused } = search(long ? 4 : 3, false)
    expect(refused[0]).toMatch(/promise-(breaks-prefix|amount-behind)/)
  })
})
