/**
 * Solvency by exhaustion: two consumers, two providers, small amounts, every order of crediting and revealing.
 *
 * In each state that can be reached, and for every subset of the preimages that are still secret: what providers could
 * settle with those shown is at most what the accountant could collect with them (A1, A3).
 */

import type { Address, Batch, Crypto, SignedPromise } from '@myst/protocol'
import { alice, bob, carol, dave } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { emptyAccount } from './channel-account.ts'
import { exchangeBatch, type LedgerRules } from './exchange-batch.ts'
import type { LedgerDraft, LedgerRecords } from './records.ts'
import { revealPreimage } from './reveal-preimage.ts'
import { channelOf, item, lockOf, preimageOf, word } from './testing.ts'

const consumers = [alice.identity, dave.identity] as const
const providers = [bob.identity, carol.identity] as const
const long = process.env.MYST_LONG === '1'

/** Any function that gives different bytes for different ones will do here. */
const crypto: Crypto = {
  keccak256: (bytes) => bytes.map((byte) => byte ^ 0xff),
  sign: () => new Uint8Array(65),
  recover: () => undefined,
  addressOf: () => alice.identity,
}
const rules: LedgerRules = {
  crypto,
  feeRate: 0,
  minDelta: 1n,
  signPromise: () => new Uint8Array(65),
  signAnswer: () => ({ content: new Uint8Array(0), signature: new Uint8Array(65) }),
}
const lockCache = new Map<string, `0x${string}`>()
function lock(provider: Address, epoch: number): `0x${string}` {
  const key = `${provider}/${epoch}`
  const known = lockCache.get(key) ?? lockOf(provider, BigInt(epoch), crypto)
  lockCache.set(key, known)
  return known
}

/** The ledger's records, and beside them our own list of what happened: the check trusts the list alone. */
interface World {
  readonly records: { readonly [T in keyof LedgerRecords]: ReadonlyMap<string, LedgerRecords[T]> }
  readonly items: readonly { consumer: Address; provider: Address; lock: string; amount: number; delta: number }[]
  readonly promises: readonly { provider: Address; lock: string; amount: number }[]
  readonly revealed: ReadonlySet<string>
  readonly epochs: Readonly<Record<Address, number>>
}

const nothing: World = {
  records: { channels: new Map(), agreements: new Map(), providers: new Map(), locks: new Map(), totals: new Map() },
  items: [],
  promises: [],
  revealed: new Set(),
  epochs: {},
}

/** A rule of the ledger that a control leaves out. */
type LeftOut = 'nothing' | 'the prefix condition' | 'one unrevealed batch'

function draftOf(world: World): LedgerDraft & { done(): World['records'] } {
  const records = Object.fromEntries(Object.entries(world.records).map(([name, of]) => [name, new Map(of as never)]))
  const tables = records as { [T in keyof LedgerRecords]: Map<string, LedgerRecords[T]> }
  return {
    get: (name, key) => tables[name].get(key),
    put: (name, key, record) => void tables[name].set(key, record),
    done: () => tables,
  }
}

interface Wish {
  readonly consumer: Address
  readonly amount: number
  readonly total: number
  readonly lock?: string
  readonly id?: number
}

function send(
  world: World,
  provider: Address,
  wishes: readonly Wish[],
  leftOut: LeftOut,
): [World, (string | undefined)[]] {
  const draft = draftOf(world)
  const epoch = (world.epochs[provider] ?? 0) + 1
  const before = draft.get('providers', provider)
  if (leftOut === 'one unrevealed batch' && before?.unrevealed !== undefined) {
    const { unrevealed: _, ...forgotten } = before
    draft.put('providers', provider, forgotten)
  }
  if (leftOut === 'the prefix condition') {
    for (const consumer of consumers) draft.put('channels', channelOf(consumer), emptyAccount(consumer))
  }
  const shows = leftOut !== 'one unrevealed batch' && before?.unrevealed !== undefined
  const batch: Batch = {
    provider,
    epoch: BigInt(epoch),
    hashlock: lock(provider, epoch),
    previousAmount: before?.promise.amount ?? 0n,
    ...(shows ? { lastPreimage: preimageOf(provider, before.promise.epoch) } : {}),
    items: wishes.map(({ consumer, amount, total, ...at }) =>
      item({
        consumer,
        provider,
        amount: BigInt(amount),
        total: BigInt(total),
        id: word(at.id ?? 1),
        lock: (at.lock ?? lock(provider, epoch)) as Address,
      }),
    ),
  }
  const facts = batch.items.map(({ consumer }: SignedPromise) => ({
    channel: channelOf(consumer),
    signer: consumer,
    capacity: 100n,
    exit: 'none' as const,
  }))
  const codes: (string | undefined)[] = []
  const spying: LedgerRules = {
    ...rules,
    signAnswer(answer) {
      codes.push(...answer.verdicts.map(({ code }) => code))
      deltas.push(...answer.verdicts.map(({ delta }) => Number(delta)))
      return rules.signAnswer(answer)
    },
  }
  const deltas: number[] = []
  const result = exchangeBatch(draft, spying, { batch, digest: word(epoch), facts })
  if (result.kind !== 'answered') throw new Error(result.kind === 'refused' ? result.refusal.code : result.kind)
  const credited = batch.items.flatMap(({ consumer, promise }, index) =>
    codes[index] === undefined
      ? [{ consumer, provider, lock: promise.hashlock, amount: Number(promise.amount), delta: deltas[index] ?? 0 }]
      : [],
  )
  const records = draft.done()
  const amount = Number(records.providers.get(provider)?.promise.amount)
  return [
    {
      records,
      items: [...world.items, ...credited],
      promises: [...world.promises, { provider, lock: batch.hashlock, amount }],
      revealed: shows ? new Set([...world.revealed, lock(provider, epoch - 1)]) : world.revealed,
      epochs: { ...world.epochs, [provider]: epoch },
    },
    codes,
  ]
}

function reveal(world: World, provider: Address): World {
  const epoch = world.epochs[provider] ?? 0
  const draft = draftOf(world)
  if (!revealPreimage(draft, crypto, provider, preimageOf(provider, BigInt(epoch)))) return world
  return { ...world, records: draft.done(), revealed: new Set([...world.revealed, lock(provider, epoch)]) }
}

/** The subset of secret preimages that ruins the accountant, or undefined. */
function ruin(world: World): string | undefined {
  const secret = [...new Set(world.promises.map((of) => of.lock))].filter((of) => !world.revealed.has(of))
  for (let subset = 0; subset < 2 ** secret.length; subset++) {
    const shown = (of: { readonly lock: string }) => {
      const at = secret.indexOf(of.lock)
      return world.revealed.has(of.lock) || (at >= 0 && (subset & (1 << at)) !== 0)
    }
    const most = (amounts: readonly number[]) => amounts.reduce((a, b) => Math.max(a, b), 0)
    let owed = 0
    for (const provider of providers) {
      owed += most(world.promises.filter((of) => of.provider === provider && shown(of)).map(({ amount }) => amount))
    }
    let collectable = 0
    for (const consumer of consumers) {
      const here = world.items.filter((of) => of.consumer === consumer && shown(of))
      const amount = most(here.map((of) => of.amount))
      const credited = here.reduce((sum, { delta }) => sum + delta, 0)
      if (credited > amount) return `A3: ${credited} credited on a promise of ${amount}`
      collectable += amount
    }
    if (owed > collectable) return `A1: owes ${owed}, can collect ${collectable}`
  }
  return undefined
}

/** Two worlds with one key go on alike: what was revealed matters by its sums alone. */
function keyOf(world: World): string {
  const open = (of: string) => !world.revealed.has(of)
  const perProvider = providers.map((provider) => {
    const own = world.promises.filter((of) => of.provider === provider)
    const shown = own.filter((of) => !open(of.lock)).map(({ amount }) => amount)
    return [Math.max(0, ...shown), own.filter((of) => open(of.lock)).map(({ amount }) => amount)]
  })
  const perChannel = consumers.map((consumer) => {
    const account = world.records.channels.get(channelOf(consumer))
    const own = world.items.filter((of) => of.consumer === consumer)
    const shown = own.filter((of) => !open(of.lock))
    const secret = own.filter((of) => open(of.lock)).map(({ amount, delta, provider }) => [amount, delta, provider])
    return [
      `${account?.revealedAmount}/${account?.revealedSum}/${account?.open.map((of) => [of.delta, of.signed.promise.amount])}`,
      Math.max(0, ...shown.map(({ amount }) => amount)),
      shown.reduce((sum, { delta }) => sum + delta, 0),
      secret.sort(),
    ]
  })
  const totals = [...world.records.agreements].map(([key, { total }]) => `${key}=${total}`).sort()
  return JSON.stringify([perProvider, perChannel, totals])
}

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

function* anything(world: World, batches: readonly (readonly Wish[])[], leftOut: LeftOut): Iterable<World> {
  for (const provider of providers) {
    for (const wishes of batches) yield send(world, provider, wishes, leftOut)[0]
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
      const worlds = explore((world) => anything(world, anyBatch(maxAmount), 'nothing'), mustHold, maxSteps)
      expect(worlds).toBeGreaterThan(1_000)
    },
  )

  test.each(['the prefix condition', 'one unrevealed batch'] as const)(
    'the same search finds the ruin without %s',
    (leftOut) => {
      expect(() => explore((world) => anything(world, anyBatch(2), leftOut), mustHold, 3)).toThrow(/A[13]:/)
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
          const [after, codes] = send(world, provider, wishes, 'nothing')
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
