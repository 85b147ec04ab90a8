/**
 * What each consumer channel can still promise, as the chain shows it.
 *
 * What raises a limit counts at the confirmation depth, what lowers it (money that leaves, an exit) at the head. A state is
 * read again when it is older than a block; while the chain is away, or stands still, the last one serves until its head is
 * an hour old.
 *
 * @module
 */

import { type ChainClient, type ChannelAt, capacityOf, readChannel } from '@myst/chain'
import { type Address, type Crypto, channelAddress, Fault, type NetworkProfile } from '@myst/protocol'

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
}

export interface ChannelViewOptions {
  readonly accountant: Address
  readonly exitDelayS: bigint
  /** What opening a channel and collecting from it cost, in MYST: an undeployed one counts from twice this on. */
  readonly openCost: bigint
  readonly maxRegistrationFee: bigint
  readonly freshMs: number
}

export interface ChannelView {
  addressOf(consumer: Address): Address
  /** @throws Fault `chain-unreachable` or `chain-stale` where there is no state of a head younger than an hour. */
  look(consumer: Address): Promise<ChannelStanding>
  /** We changed it: the next look is a new one. */
  forget(consumer: Address): void
}

/** Credit on an older head than this would be credit on hearsay. */
const maxStaleMs = 3_600_000
const exitStages = ['none', 'early', 'late'] as const

export function createChannelView(
  deps: { readonly client: ChainClient; readonly crypto: Crypto; readonly now: () => number },
  profile: NetworkProfile,
  options: ChannelViewOptions,
): ChannelView {
  const { registry, token } = profile.contracts
  const seen = new Map<Address, { standing: ChannelStanding; atMs: number; headMs: number }>()
  const reading = new Map<Address, Promise<ChannelStanding>>()
  const addresses = new Map<Address, Address>()

  function addressOf(consumer: Address): Address {
    const known = addresses.get(consumer)
    if (known !== undefined) return known
    const channel = channelAddress(deps.crypto, profile.contracts, consumer, options.accountant)
    addresses.set(consumer, channel)
    return channel
  }

  /** An address that is not deployed counts only when it can bear what opening it costs. */
  const counted = (at: ChannelAt): ChannelAt =>
    at.deployed || at.balance > 2n * options.openCost ? at : { ...at, balance: 0n }

  function exitStage({ exitAtS }: ChannelAt, nowS: bigint): 0 | 1 | 2 {
    if (exitAtS === 0n) return 0
    return nowS > exitAtS - options.exitDelayS / 2n ? 2 : 1
  }

  async function read(consumer: Address): Promise<ChannelStanding> {
    const channel = addressOf(consumer)
    const depth = profile.confirmationDepth
    const { head, deep, headTimestampS } = await readChannel(deps.client, {
      token,
      registry,
      identity: consumer,
      channel,
      depth,
    })
    const headMs = Number(headTimestampS) * 1000
    requireFresh(headMs)
    const { balance, settled, held, deployed } = head
    const counting = { head: counted(head), deep: counted(deep) }
    const capacity = capacityOf(counting, options.maxRegistrationFee)
    // An exit that was finished or cancelled a moment ago still counts: the chain may think again.
    const exit = exitStages[Math.max(exitStage(head, headTimestampS), exitStage(deep, headTimestampS))] ?? 'late'
    const standing = { channel, capacity, settled, settledDeep: deep.settled, balance, held, deployed, exit }
    seen.set(consumer, { standing, atMs: deps.now(), headMs })
    return standing
  }

  /** A head of the future is fine: tests move the chain's time. */
  function requireFresh(headMs: number): void {
    const ageMs = deps.now() - headMs
    if (ageMs > maxStaleMs) throw new Fault('chain-stale', { rpcUrl: deps.client.rpcUrl, ageMs })
  }

  return {
    addressOf,
    async look(consumer) {
      const known = seen.get(consumer)
      if (known !== undefined && deps.now() - known.atMs < options.freshMs) return known.standing
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
      seen.delete(consumer)
      reading.delete(consumer)
    },
  }
}
