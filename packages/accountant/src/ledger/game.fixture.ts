/**
 * The ledger against a consumer and her providers who work together: every order of what they can do, until nothing new
 * comes of any.
 *
 * It plays against an exact model of the channel's books (`contracts/src/channel/ChannelBooks.sol`), without fees. Time goes
 * in quarters of the exit's delay; within a quarter the accountant is as slow as it may be: it holds and collects, when a
 * quarter ends, what it knew when the quarter began. A fast exit can be executed for two of them: half the delay is the
 * longest that is co-signed. What the accountant believes of the channel may be as old as the quarter, and it learns that a
 * fast exit is over whenever the players like.
 *
 * @module
 */

import type { Address } from '@myst/protocol'
import { createWorlds, nothing, type Subject, type World } from './solvency.fixture.ts'
import { channelOf } from './testing.ts'

/** Co-signed: executed, dead, or good for so many quarters. */
interface SignedExit {
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
  /** To each provider, by the accountant. */
  readonly paid: readonly number[]
  readonly signed: readonly SignedExit[]
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

export interface Rules {
  readonly consumer: Address
  readonly providers: readonly Address[]
  readonly paidIn: number
  /** Whether the accountant does its part while an exit is under way. */
  readonly holds: boolean
  /** With them the players leave out what costs games and shows nothing more: totals below the amount, holds by anybody. */
  readonly fastExits: boolean
}

/** @returns how many games there are, and the accountant's largest loss among them; the search ends with the first loss. */
export function playAll(subject: Subject, rules: Rules): { games: number; worst: number } {
  const { consumer, providers, paidIn } = rules
  const worlds = createWorlds(subject, { consumers: [consumer], providers })
  const channel = channelOf(consumer)

  const account = ({ world }: Game) => world.records.channels.get(channel)
  const highest = (game: Game) => Number(account(game)?.highest?.promise.amount ?? 0)
  const revealed = (game: Game) => Number(account(game)?.revealedAmount ?? 0)

  /** A quarter passes. The accountant does what it must by its end, and learns what there is at its end. */
  function quarter(game: Game): Game {
    const { chain } = game
    const { exit: before, ...still } = settled(chain, chain.seen.revealed)
    const held = rules.holds && chain.seen.exit ? Math.max(still.held, chain.seen.highest) : still.held
    const exit = before === undefined ? undefined : Math.min(before + 1, 4)
    const signed = chain.signed.map((of) => ({ ...of, left: Math.max(0, of.left - 1) }))
    const next = { ...still, held, signed, ...(exit === undefined ? {} : { exit }) }
    const seen = { highest: highest(game), revealed: revealed(game), exit: exit !== undefined }
    return { ...game, chain: { ...next, seen: { ...seen, capacity: capacityOf(next), block: next.block } } }
  }

  /** A provider settles its newest promise with the accountant's contract, which shows the preimage to everybody. */
  function* settles({ world, chain }: Game, index: number, provider: Address): Iterable<Game> {
    const owed = Number(world.records.providers.get(provider)?.promise.amount ?? 0)
    if (owed <= (chain.paid[index] ?? 0)) return
    yield { world: worlds.reveal(world, provider), chain: { ...chain, paid: chain.paid.with(index, owed) } }
  }

  function* sends({ world, chain }: Game, provider: Address): Iterable<Game> {
    const now = { capacity: capacityOf(chain), block: chain.block, exit: stageOf(chain) } as const
    // An old look serves while no exit was seen.
    const looks = rules.fastExits && !chain.seen.exit ? [now, { ...chain.seen, exit: 'none' as const }] : [now]
    for (let amount = 1; amount <= paidIn; amount++) {
      for (let total = rules.fastExits ? amount : 1; total <= amount; total++) {
        for (const withhold of [false, true]) {
          for (const look of looks) {
            const [after] = worlds.send(world, provider, [{ consumer, amount, total }], { ...look, withhold })
            if (after !== world) yield { world: after, chain }
          }
        }
      }
    }
  }

  function* fastExits({ world, chain }: Game): Iterable<Game> {
    const record = world.records.fastExits.get(channel)
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

  function* moves(game: Game): Iterable<Game> {
    const { world, chain } = game
    for (const [index, provider] of providers.entries()) {
      yield* sends(game, provider)
      const shown = worlds.reveal(world, provider)
      if (shown !== world) yield { world: shown, chain }
      yield* settles(game, index, provider)
    }
    yield quarter(game)
    yield* finished(game)
    if (rules.fastExits) yield* fastExits(game)
    const { exit, ...still } = chain
    yield { world, chain: exit === undefined ? { ...still, exit: 0 } : still }
    // Anybody may hold, or settle what is revealed, before the accountant does.
    if (!rules.fastExits && highest(game) > Math.max(chain.held, chain.settled)) {
      yield { world, chain: { ...chain, held: highest(game) } }
    }
    if (revealed(game) > chain.settled && chain.balance > 0) yield { world, chain: settled(chain, revealed(game)) }
  }

  /** What the accountant has lost if it now collects all it can. */
  function loss(game: Game): number {
    const collected = settled(game.chain, revealed(game)).settled
    return game.chain.paid.reduce((sum, paid) => sum + paid, 0) - collected
  }

  const found = new Set<string>()
  let worst = 0
  let layer: Game[] = [{ world: nothing, chain: untouched(rules) }]
  while (layer.length > 0 && worst === 0) {
    const next: Game[] = []
    for (const game of layer) {
      for (const after of moves(game)) {
        const key = `${worlds.keyOf(after.world)} ${JSON.stringify(after.chain)}`
        if (found.has(key)) continue
        found.add(key)
        worst = Math.max(worst, loss(after))
        next.push(after)
      }
    }
    layer = next
  }
  return { games: found.size, worst }
}

const untouched = ({ providers, paidIn }: Rules): Chain => ({
  balance: paidIn,
  settled: 0,
  held: 0,
  block: 0,
  paid: providers.map(() => 0),
  signed: [],
  seen: { highest: 0, revealed: 0, exit: false, capacity: paidIn, block: 0 },
})

const stageOf = ({ exit }: Chain) => (exit === undefined ? 'none' : exit < 2 ? 'early' : 'late')
const capacityOf = ({ balance, settled }: Pick<Chain, 'balance' | 'settled'>) => balance + settled

/** `_bookSettlement`: pays what the promise adds, or what there is. */
function settled(chain: Chain, amount: number): Chain {
  const paid = Math.max(0, Math.min(amount - chain.settled, chain.balance))
  return { ...chain, settled: chain.settled + paid, balance: chain.balance - paid }
}

/** `_bookExit`: `balance − max(0, held − settled)`. */
function* finished({ world, chain: { exit, ...chain } }: Game): Iterable<Game> {
  const payment = chain.balance - Math.max(0, chain.held - chain.settled)
  if (exit !== undefined && exit >= 4 && payment > 0)
    yield { world, chain: { ...chain, balance: chain.balance - payment } }
}
