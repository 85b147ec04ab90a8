/**
 * W28, A8: a consumer and a provider who work together gain nothing, in whatever order they exchange, withhold, exit, hold,
 * finish and settle.
 *
 * The ledger plays against an exact model of the channel's books (`contracts/src/channel/ChannelBooks.sol`), without fees. Time
 * goes in quarters of the exit's delay; within a quarter the accountant is as slow as it may be: it holds and collects, when
 * a quarter ends, what it knew when the quarter began.
 */

import { alice, bob, carol } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import { ledgerWith } from './mistakes.fixture.ts'
import { createWorlds, nothing, type World, type Worlds } from './solvency.fixture.ts'
import * as ledger from './testing.ts'

const consumer = alice.identity
const providers = [bob.identity, carol.identity] as const
const people = { consumers: [consumer], providers }
const paidIn = 2

interface Chain {
  readonly balance: number
  readonly settled: number
  readonly held: number
  /** Quarters since the exit was requested. */
  readonly exit?: number
  /** To each provider, by the accountant. */
  readonly paid: readonly number[]
  /** Seen when this quarter began. */
  readonly seen: { readonly highest: number; readonly revealed: number; readonly exit: boolean }
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
    paid: providers.map(() => 0),
    seen: { highest: 0, revealed: 0, exit: false },
  },
}

const account = ({ world }: Game) => world.records.channels.get(ledger.channelOf(consumer))
const highest = (game: Game) => Number(account(game)?.highest?.promise.amount ?? 0)
const revealed = (game: Game) => Number(account(game)?.revealedAmount ?? 0)
const stageOf = ({ exit }: Chain) => (exit === undefined ? 'none' : exit < 2 ? 'early' : 'late')

/** `_bookSettlement`: pays what the promise adds, or what there is. */
function settled(chain: Chain, amount: number): Chain {
  const paid = Math.max(0, Math.min(amount - chain.settled, chain.balance))
  return { ...chain, settled: chain.settled + paid, balance: chain.balance - paid }
}

/** A quarter passes. The accountant does what it must by its end, and learns what there is at its end. */
function quarter(game: Game, holds: boolean): Game {
  const { chain } = game
  const collected = settled(chain, chain.seen.revealed)
  const held = holds && chain.seen.exit ? Math.max(collected.held, chain.seen.highest) : collected.held
  const { exit: before, ...still } = collected
  const exit = before === undefined ? undefined : Math.min(before + 1, 4)
  const next = { ...game, chain: { ...still, held, ...(exit === undefined ? {} : { exit }) } }
  const seen = { highest: highest(next), revealed: revealed(next), exit: exit !== undefined }
  return { ...next, chain: { ...next.chain, seen } }
}

/** `_bookExit`: `balance − max(0, held − settled)`. */
function finished(game: Game): Game[] {
  const { exit, ...chain } = game.chain
  const payment = chain.balance - Math.max(0, chain.held - chain.settled)
  if (exit === undefined || exit < 4 || payment <= 0) return []
  return [{ ...game, chain: { ...chain, balance: chain.balance - payment } }]
}

/** A provider settles its newest promise with the accountant's contract, which shows the preimage to everybody. */
function providerSettles(game: Game, index: number, worlds: Worlds): Game[] {
  const provider = providers[index] as (typeof providers)[number]
  const owed = Number(game.world.records.providers.get(provider)?.promise.amount ?? 0)
  const before = game.chain.paid[index] ?? 0
  if (owed <= before) return []
  return [
    { world: worlds.reveal(game.world, provider), chain: { ...game.chain, paid: game.chain.paid.with(index, owed) } },
  ]
}

function* moves(game: Game, worlds: Worlds, holds: boolean): Iterable<Game> {
  const { world, chain } = game
  const options = { capacity: chain.balance + chain.settled, exit: stageOf(chain) } as const
  for (const [index, provider] of providers.entries()) {
    for (let amount = 1; amount <= paidIn; amount++) {
      for (let total = 1; total <= amount; total++) {
        for (const withhold of [false, true]) {
          const [after] = worlds.send(world, provider, [{ consumer, amount, total }], { ...options, withhold })
          if (after !== world) yield { world: after, chain }
        }
      }
    }
    const shown = worlds.reveal(world, provider)
    if (shown !== world) yield { world: shown, chain }
    yield* providerSettles(game, index, worlds)
  }
  yield quarter(game, holds)
  yield* finished(game)
  if (chain.exit === undefined) yield { world, chain: { ...chain, exit: 0 } }
  else {
    const { exit: _, ...cancelled } = chain
    yield { world, chain: cancelled }
  }
  // Anybody may hold, or settle what is revealed, before the accountant does.
  if (highest(game) > Math.max(chain.held, chain.settled)) yield { world, chain: { ...chain, held: highest(game) } }
  if (revealed(game) > chain.settled && chain.balance > 0) yield { world, chain: settled(chain, revealed(game)) }
}

/** What the accountant has lost if it now collects all it can. */
function loss(game: Game): number {
  const collected = settled(game.chain, revealed(game)).settled
  return game.chain.paid.reduce((sum, paid) => sum + paid, 0) - collected
}

/** Every order of moves, until no new game comes of any. @returns how many games there are, and the largest loss among them. */
function playAll(worlds: Worlds, holds: boolean): { games: number; worst: number } {
  const seen = new Set<string>()
  let worst = 0
  let layer = [start]
  while (layer.length > 0 && worst === 0) {
    const next: Game[] = []
    for (const game of layer) {
      for (const after of moves(game, worlds, holds)) {
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

describe('W28: whatever a consumer and her providers do together', () => {
  test('the accountant loses nothing', { timeout: 1_800_000 }, () => {
    const { games, worst } = playAll(createWorlds(ledger, people), true)
    expect(worst).toBe(0)
    expect(games).toBeGreaterThan(5_000)
  })

  test('one that never holds loses: the game would show it', { timeout: 120_000 }, () => {
    expect(playAll(createWorlds(ledger, people), false).worst).toBeGreaterThan(0)
  })

  test('one that takes promises in the second half of an exit loses', { timeout: 120_000 }, async () => {
    const late = await ledgerWith({
      what: 'takes promises until an exit is over',
      file: 'exchange-batch.ts',
      find: "if (facts.exit === 'late') return 'promise-channel-closing'",
      put: '',
    })
    expect(playAll(createWorlds(late, people), true).worst).toBeGreaterThan(0)
  })
})
