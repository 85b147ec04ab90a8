/**
 * What each consumer channel can still promise, as the chain shows it.
 *
 * What raises a limit counts at the confirmation depth, and only if every RPC shows it; what lowers it (money that leaves, an
 * exit) counts at the head, and if one of them shows it. A channel loses money in three ways only: to us, by an exit that
 * takes days, and by a fast exit that we sign. So a state serves for minutes whoever needs no more than it allows, and a
 * channel costs no call for each promise. While the chain is away, or stands still, the last state serves until its head
 * is an hour old.
 *
 * @module
 */

import { type ChainClient, type ChannelAt, type ChannelState, capacityOf, readChannel } from '@myst/chain'
import { type Address, type Crypto, channelAddress, Fault, minOf, type NetworkProfile } from '@myst/protocol'

export interface ChannelStanding {
  readonly channel: Address
  /** The largest amount the channel can promise. */
  readonly capacity: bigint
  /** At the head, as are `balance`, `held` and `deployed`. */
  readonly settled: bigint
  /** Settled at the confirmation depth: it stays so. */
  readonly settledDeep: bigint
  readonly balance: bigint
  readonly held: bigint
  readonly deployed: boolean
  readonly exit: 'none' | 'early' | 'late'
  /** The block at the confirmation depth that all this holds for; the oldest one, where several RPCs were asked. */
  readonly block: bigint
  readonly headTimestampS: bigint
}

export interface ChannelViewDeps {
  /** One, or several that are asked for the same and checked against each other. */
  readonly clients: readonly ChainClient[]
  readonly crypto: Crypto
  readonly now: () => number
  /** `channel-shrank`: money is gone that was confirmed, and no exit took it. An alarm. */
  readonly onFault: (fault: Fault) => void
  /** What we let leave a channel at once: its money may shrink by that. */
  readonly leavingOf?: (channel: Address) => bigint
}

export interface ChannelViewOptions {
  readonly accountant: Address
  readonly exitDelayS: bigint
  /** What opening a channel and collecting from it cost, in MYST: an undeployed one counts from twice this on. */
  readonly openCost: bigint
  readonly maxRegistrationFee: bigint
  /** A state is not read again within so long. */
  readonly freshMs: number
}

export interface ChannelView {
  channelOf(consumer: Address): Address
  /**
   * @param needed an amount: a state of the last minutes will do if it allows so much. Absent: what the chain shows now.
   * @throws Fault `chain-unreachable`, `chain-stale` where there is no state of a head younger than an hour, or an RPC that
   * must agree does not answer.
   */
  look(consumer: Address, needed?: bigint): Promise<ChannelStanding>
  /** What `look` would give without asking anybody; undefined where it would ask. */
  known(consumer: Address, needed: bigint): ChannelStanding | undefined
  /** We changed it, or an event says that somebody did: the next look is a new one. */
  forget(consumer: Address): void
}

/** Credit on an older head than this would be credit on hearsay. */
const maxStaleMs = 3_600_000
/** An exit that no event told of is noticed in so long, out of days. */
const calmMs = 600_000
/** The order need not be exact, and each step of it moves an entry. */
const touchMs = 10_000
/** States in memory, some 400 bytes each; the one that was not looked at for longest goes first. */
const maxSeen = 100_000
const exitStages = ['none', 'early', 'late'] as const

interface Seen {
  readonly standing: ChannelStanding
  readonly atMs: number
  /** When it last went to the end of the order; one that served a moment ago stays where it is. */
  readonly usedAtMs: number
  /** Of the oldest head. */
  readonly headMs: number
  /** Known to be different now; it serves only where nothing newer can be had. */
  readonly outdated?: true
}

export function createChannelView(
  deps: ChannelViewDeps,
  profile: NetworkProfile,
  options: ChannelViewOptions,
): ChannelView {
  const { registry, token } = profile.contracts
  const seen = new Map<Address, Seen>()
  const reading = new Map<Address, Promise<ChannelStanding>>()

  const channelOf = (consumer: Address) =>
    seen.get(consumer)?.standing.channel ?? channelAddress(deps.crypto, profile.contracts, consumer, options.accountant)

  /** An address that is not deployed counts only when it can bear what opening it costs. */
  const counted = (at: ChannelAt): ChannelAt =>
    at.deployed || at.balance > 2n * options.openCost ? at : { ...at, balance: 0n }

  function exitStage({ exitAtS }: ChannelAt, nowS: bigint): 0 | 1 | 2 {
    if (exitAtS === 0n) return 0
    return nowS > exitAtS - options.exitDelayS / 2n ? 2 : 1
  }

  function standingOf(channel: Address, { head, deep, headTimestampS, deepBlock }: ChannelState): ChannelStanding {
    const capacity = capacityOf({ head: counted(head), deep: counted(deep) }, options.maxRegistrationFee)
    // An exit that was finished or cancelled a moment ago still counts: the chain may think again.
    const exit = exitStages[Math.max(exitStage(head, headTimestampS), exitStage(deep, headTimestampS))] ?? 'late'
    const { balance, settled, held, deployed } = head
    const at = { block: deepBlock, headTimestampS }
    return { channel, capacity, settled, settledDeep: deep.settled, balance, held, deployed, exit, ...at }
  }

  async function readFrom(client: ChainClient, consumer: Address, channel: Address): Promise<ChannelState> {
    const { confirmationDepth: depth, deployedAtBlock } = profile
    const state = await readChannel(client, { token, registry, identity: consumer, channel, depth, deployedAtBlock })
    // A head of the future is fine: tests move the chain's time.
    const ageMs = deps.now() - headMsOf(state)
    if (ageMs > maxStaleMs) throw new Fault('chain-stale', { rpcUrl: client.rpcUrl, ageMs })
    return state
  }

  async function read(consumer: Address): Promise<ChannelStanding> {
    const channel = channelOf(consumer)
    const answers = await Promise.allSettled(deps.clients.map((client) => readFrom(client, consumer, channel)))
    const states = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    const before = seen.get(consumer)?.standing
    const failed = answers.find((answer) => answer.status === 'rejected')
    // Without all of them nothing is raised: what was seen by all serves on, lowered by what the others show.
    if (failed !== undefined && (states.length === 0 || before === undefined)) throw failed.reason
    const standings = states.map((state) => standingOf(channel, state))
    const standing = worstOf(failed === undefined || before === undefined ? standings : [...standings, before])
    warnOf(before, standing)
    const atMs = deps.now()
    remember(consumer, { standing, atMs, usedAtMs: atMs, headMs: Math.min(...states.map(headMsOf)) })
    return standing
  }

  function warnOf(before: ChannelStanding | undefined, { channel, capacity, exit }: ChannelStanding): void {
    if (before === undefined || exit !== 'none' || before.exit !== 'none') return
    if (capacity + (deps.leavingOf?.(channel) ?? 0n) >= before.capacity) return
    deps.onFault(new Fault('channel-shrank', { channel, capacity, before: before.capacity }))
  }

  /** In the order of the last look, so that the first is the one that may go. */
  function remember(consumer: Address, state: Seen): void {
    seen.delete(consumer)
    seen.set(consumer, state)
    const [oldest] = seen.size > maxSeen ? seen.keys() : []
    if (oldest !== undefined) seen.delete(oldest)
  }

  function serves({ standing, atMs, outdated }: Seen, needed: bigint | undefined): boolean {
    if (outdated) return false
    const ageMs = deps.now() - atMs
    // From before the clock was set back: how old it is nobody knows.
    if (ageMs < 0) return false
    if (ageMs < options.freshMs) return true
    return needed !== undefined && ageMs < calmMs && standing.exit === 'none' && needed <= standing.capacity
  }

  function serving(consumer: Address, needed: bigint | undefined): ChannelStanding | undefined {
    const known = seen.get(consumer)
    if (known === undefined || !serves(known, needed)) return undefined
    const nowMs = deps.now()
    if (Math.abs(nowMs - known.usedAtMs) > touchMs) remember(consumer, { ...known, usedAtMs: nowMs })
    return known.standing
  }

  return {
    channelOf,
    known: serving,
    async look(consumer, needed) {
      const serves = serving(consumer, needed)
      if (serves !== undefined) return serves
      const known = seen.get(consumer)
      const pending = reading.get(consumer) ?? read(consumer)
      reading.set(consumer, pending)
      try {
        return await pending
      } catch (fault) {
        const usable = known !== undefined && deps.now() - Math.min(known.atMs, known.headMs) < maxStaleMs
        if (usable && fault instanceof Fault) return known.standing
        throw fault
      } finally {
        if (reading.get(consumer) === pending) reading.delete(consumer)
      }
    },
    forget(consumer) {
      const known = seen.get(consumer)
      if (known !== undefined) seen.set(consumer, { ...known, outdated: true })
      reading.delete(consumer)
    },
  }
}

const headMsOf = ({ headTimestampS }: ChannelState): number => Number(headTimestampS) * 1000

/** The first RPC's figures, with the least capacity, the latest exit and the oldest blocks that anybody shows. */
function worstOf(standings: readonly ChannelStanding[]): ChannelStanding {
  return standings.reduce((worst, one) => ({
    ...worst,
    capacity: minOf(one.capacity, worst.capacity),
    settledDeep: minOf(one.settledDeep, worst.settledDeep),
    block: minOf(one.block, worst.block),
    headTimestampS: minOf(one.headTimestampS, worst.headTimestampS),
    exit: exitStages.indexOf(one.exit) > exitStages.indexOf(worst.exit) ? one.exit : worst.exit,
  }))
}
