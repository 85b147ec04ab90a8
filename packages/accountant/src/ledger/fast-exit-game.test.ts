/**
 * A1, A2: a consumer and her providers gain nothing by fast exits, in whatever order they exchange, withhold, ask for a fast
 * exit, execute it or let it expire, exit the slow way, cancel, finish and settle.
 *
 * As in `coalition.test.ts` the ledger plays against a model of the channel's books, and time goes in quarters of the exit's
 * delay. A fast exit can be executed for two of them: half the delay is the longest that is co-signed. What the accountant
 * believes of the channel may be as old as the quarter, and it learns that an exit is over whenever the players like.
 */

import { alice, bob, carol } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { ledgerWith } from './mistakes.fixture.ts'
import { createWorlds, nothing, type World, type Worlds } from './solvency.fixture.ts'
import * as ledger from './testing.ts'

const consumer = alice.identity
const long = process.env.MYST_LONG === '1'
const providers = long ? [bob.identity, carol.identity] : [bob.identity]
const people = { consumers: [consumer], providers }
const paidIn = 2

/** Co-signed: executed, dead, or good for so many quarters. */
interface Signed {
  readonly amount: number
  readonly nonce: number
  readonly left: number
  readonly isExecuted: boolean
}
interface Chain {
  readonly balance: number
  readonly settled: number
  readonly held: number
  /** Fast exits executed so far: a block number that stands still otherwise. */
  readonly block: number
  /** Quarters since the exit was requested. */
  readonly exit?: number
  readonly paid: readonly number[]
  readonly signed: readonly Signed[]
  /** Seen when this quarter began. */
  readonly seen: {
    readonly highest: number
    readonly revealed: number
    readonly exit: boolean
    readonly capacity: number
    readonly block: number
  }
}
interface Game {
  readonly world: World
  readonly chain: Chain
}
const start: Game = {
  world: nothing,
  chain: {
    balance: paidIn,
    settled: 0,
    held: 0,
    block: 0,
    paid: providers.map(() => 0),
    signed: [],
    seen: { highest: 0, revealed: 0, exit: false, capacity: paidIn, block: 0 },
  },
}

const account = ({ world }: Game) => world.records.channels.get(ledger.channelOf(consumer))
const highest = (game: Game) => Number(account(game)?.highest?.promise.amount ?? 0)
const revealed = (game: Game) => Number(account(game)?.revealedAmount ?? 0)
const stageOf = ({ exit }: Chain) => (exit === undefined ? 'none' : exit < 2 ? 'early' : 'late')
const capacityOf = ({ balance, settled }: Chain) => balance + settled

function settled(chain: Chain, amount: number): Chain {
  const paid = Math.max(0, Math.min(amount - chain.settled, chain.balance))
  return { ...chain, settled: chain.settled + paid, balance: chain.balance - paid }
}

/** A quarter passes: the accountant holds and collects what it knew when it began. */
function quarter(game: Game): Game {
  const { chain } = game
  const { exit: before, ...still } = settled(chain, chain.seen.revealed)
  const held = chain.seen.exit ? Math.max(still.held, chain.seen.highest) : still.held
  const exit = before === undefined ? undefined : Math.min(before + 1, 4)
  const signed = chain.signed.map((of) => ({ ...of, left: Math.max(0, of.left - 1) }))
  const next = { ...still, held, signed, ...(exit === undefined ? {} : { exit }) }
  const seen = { highest: highest(game), revealed: revealed(game), exit: exit !== undefined }
  return { ...game, chain: { ...next, seen: { ...seen, capacity: capacityOf(next), block: next.block } } }
}

function finished({ world, chain: { exit, ...chain } }: Game): Game[] {
  const payment = chain.balance - Math.max(0, chain.held - chain.settled)
  if (exit === undefined || exit < 4 || payment <= 0) return []
  return [{ world, chain: { ...chain, balance: chain.balance - payment } }]
}

function providerSettles(game: Game, index: number, worlds: Worlds): Game[] {
  const provider = providers[index] as (typeof providers)[number]
  const owed = Number(game.world.records.providers.get(provider)?.promise.amount ?? 0)
  if (owed <= (game.chain.paid[index] ?? 0)) return []
  const paid = game.chain.paid.with(index, owed)
  return [{ world: worlds.reveal(game.world, provider), chain: { ...game.chain, paid } }]
}

function* fastExits({ world, chain }: Game, worlds: Worlds): Iterable<Game> {
  const record = world.records.fastExits.get(ledger.channelOf(consumer))
  const used = [Number(record?.exit.nonce ?? 0), ...chain.signed.map((of) => of.nonce)]
  const nonce = [1, 2, 3, 4].find((of) => !used.includes(of)) ?? 5
  const { settled, block } = chain
  for (let amount = 1; amount <= paidIn; amount++) {
    for (const look of [{ capacity: capacityOf(chain), block, exit: chain.exit !== undefined }, chain.seen]) {
      const seen = { capacity: look.capacity, block: look.block, pendingExit: look.exit }
      const after = worlds.fastExit(world, { consumer, amount, nonce, settled, ...seen })
      const one = { amount, nonce, left: 2, isExecuted: false }
      if (after !== undefined) yield { world: after, chain: { ...chain, signed: [...chain.signed, one] } }
    }
  }
  for (const [index, of] of chain.signed.entries()) {
    if (of.left > 0 && !of.isExecuted && chain.balance >= of.amount) {
      const signed = chain.signed.with(index, { ...of, isExecuted: true })
      yield { world, chain: { ...chain, balance: chain.balance - of.amount, block: chain.block + 1, signed } }
    }
    const isOver = of.isExecuted || of.left === 0
    const look = { nonce: of.nonce, isNonceUsed: of.isExecuted, isLate: of.left === 0, block }
    const after = worlds.fastExitLook(world, consumer, look)
    yield { world: after, chain: isOver ? { ...chain, signed: chain.signed.toSpliced(index, 1) } : chain }
  }
}

function* moves(game: Game, worlds: Worlds): Iterable<Game> {
  const { world, chain } = game
  const now = { capacity: capacityOf(chain), block: chain.block, exit: stageOf(chain) } as const
  // An old look serves while no exit was seen.
  const looks = chain.seen.exit ? [now] : [now, { ...chain.seen, exit: 'none' as const }]
  for (const [index, provider] of providers.entries()) {
    for (let amount = 1; amount <= paidIn; amount++) {
      for (const withhold of [false, true]) {
        for (const look of looks) {
          const [after] = worlds.send(world, provider, [{ consumer, amount, total: amount }], { ...look, withhold })
          if (after !== world) yield { world: after, chain }
        }
      }
    }
    const shown = worlds.reveal(world, provider)
    if (shown !== world) yield { world: shown, chain }
    yield* providerSettles(game, index, worlds)
  }
  yield quarter(game)
  yield* finished(game)
  yield* fastExits(game, worlds)
  if (chain.exit === undefined) yield { world, chain: { ...chain, exit: 0 } }
  else {
    const { exit: _, ...cancelled } = chain
    yield { world, chain: cancelled }
  }
  if (revealed(game) > chain.settled && chain.balance > 0) yield { world, chain: settled(chain, revealed(game)) }
}

/** What the accountant has lost if it now collects all it can. */
function loss(game: Game): number {
  const collected = settled(game.chain, revealed(game)).settled
  return game.chain.paid.reduce((sum, paid) => sum + paid, 0) - collected
}

/** Every order of moves, until no new game comes of any, or somebody has lost. */
function playAll(worlds: Worlds): { games: number; worst: number } {
  const seen = new Set<string>()
  let worst = 0
  let layer = [start]
  while (layer.length > 0 && worst === 0) {
    const next: Game[] = []
    for (const game of layer) {
      for (const after of moves(game, worlds)) {
        const key = `${worlds.keyOf(after.world)} ${JSON.stringify(after.chain)}`
        if (seen.has(key)) continue
        seen.add(key)
        worst = Math.max(worst, loss(after))
        next.push(after)
      }
    }
    layer = next
  }
  return { games: seen.size, worst }
}

describe('whatever a consumer and her providers do with fast exits', () => {
  test('the accountant loses nothing', { timeout: 1_800_000 }, () => {
    const { games, worst } = playAll(createWorlds(ledger, people))
    expect(worst).toBe(0)
    expect(games).toBeGreaterThan(5_000)
  })

  const inFastExit = (what: string, find: string, put: string) => ({ what, file: 'fast-exit.ts', find, put })
  test.each([
    inFastExit(
      'lowers no capacity while one is open',
      'record.isOpen ? maxOf(0n, capacity - record.exit.amount) : capacity',
      'capacity',
    ),
    inFastExit('believes looks from before an execution', 'if (block < record.sinceBlock) return 0n', ''),
    inFastExit(
      'leaves what is settled, and not what is credited',
      'maxOf(account === undefined ? 0n : highestAmount(account), command.settled)',
      'command.settled',
    ),
    inFastExit(
      'takes an exit for over before its deadline',
      'if (!isNonceUsed && timestampS <= record.exit.deadline) return',
      'if (Math.random() < 0) return',
    ),
    inFastExit('co-signs while an exit is pending', 'if (command.pendingExit) return', 'if (Math.random() < 0) return'),
    inFastExit(
      'co-signs a second one',
      "if (view.get('fastExits', channel)?.isOpen) return",
      'if (Math.random() < 0) return',
    ),
  ])('one that $what loses: the game would show it', { timeout: 300_000 }, async (mistake) => {
    expect(playAll(createWorlds(await ledgerWith(mistake), people)).worst).toBeGreaterThan(0)
  })
})
