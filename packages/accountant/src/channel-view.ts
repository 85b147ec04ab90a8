/**
 * What each consumer channel can still promise, as the chain shows it.
 *
 * What raises a limit counts at the confirmation depth, what lowers it (an exit) at the head. A state is read again when it
 * is older than a block; while the chain is away the last one serves, until it is an hour old.
 *
 * @module
 */

import { type ChainClient, reach, readChannel } from '@myst/chain'
import { registryAbi } from '@myst/contracts'
import { type Address, type Crypto, channelAddress, Fault, type NetworkProfile } from '@myst/protocol'

export interface ChannelStanding {
  readonly channel: Address
  /** The largest amount the channel can promise. */
  readonly capacity: bigint
  readonly settled: bigint
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
  /** @throws Fault `chain-unreachable` where there is no state younger than an hour. */
  look(consumer: Address): Promise<ChannelStanding>
}

/** Credit on an older head than this would be credit on hearsay. */
const maxStaleMs = 3_600_000

export function createChannelView(
  deps: { readonly client: ChainClient; readonly crypto: Crypto; readonly now: () => number },
  profile: NetworkProfile,
  options: ChannelViewOptions,
): ChannelView {
  const { registry, token } = profile.contracts
  const seen = new Map<Address, { standing: ChannelStanding; atMs: number }>()
  const reading = new Map<Address, Promise<ChannelStanding>>()
  const registered = new Set<Address>()
  const addresses = new Map<Address, Address>()

  function addressOf(consumer: Address): Address {
    const known = addresses.get(consumer)
    if (known !== undefined) return known
    const channel = channelAddress(deps.crypto, profile.contracts, consumer, options.accountant)
    addresses.set(consumer, channel)
    return channel
  }

  async function isRegistered(identity: Address): Promise<boolean> {
    if (registered.has(identity)) return true
    const { rpc, rpcUrl } = deps.client
    const answer = await reach(rpcUrl, () =>
      rpc.readContract({ address: registry, abi: registryAbi, functionName: 'isRegistered', args: [identity] }),
    )
    if (answer) registered.add(identity)
    return answer
  }

  async function read(consumer: Address): Promise<ChannelStanding> {
    const channel = addressOf(consumer)
    const [state, paid] = await Promise.all([
      readChannel(deps.client, { token, channel, depth: profile.confirmationDepth }),
      isRegistered(consumer),
    ])
    const { balance, settled, held, deployed, exitAtS, headTimestampS } = state
    const reserved = paid ? 0n : options.maxRegistrationFee
    const counts = deployed || balance > 2n * options.openCost
    const free = counts && balance > reserved ? balance - reserved : 0n
    const late = exitAtS !== 0n && headTimestampS > exitAtS - options.exitDelayS / 2n
    const exit = exitAtS === 0n ? 'none' : late ? 'late' : 'early'
    const standing: ChannelStanding = { channel, capacity: free + settled, settled, held, deployed, exit }
    seen.set(consumer, { standing, atMs: deps.now() })
    return standing
  }

  return {
    addressOf,
    async look(consumer) {
      const known = seen.get(consumer)
      if (known !== undefined && deps.now() - known.atMs < options.freshMs) return known.standing
      const pending = reading.get(consumer) ?? read(consumer).finally(() => reading.delete(consumer))
      reading.set(consumer, pending)
      try {
        return await pending
      } catch (fault) {
        const usable = known !== undefined && deps.now() - known.atMs < maxStaleMs
        if (usable && fault instanceof Fault) return known.standing
        throw fault
      }
    },
  }
}
