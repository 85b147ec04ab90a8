/**
 * What the chain says of our own channel, by our own view: nobody's word is needed for it.
 *
 * @module
 */

import type { Clock } from '@myst/billing'
import { type ChainClient, capacityOf, reach, readChannel } from '@myst/chain'
import { registryAbi } from '@myst/contracts'
import { type Address, Fault, type NetworkProfile } from '@myst/protocol'

export interface Funds {
  readonly balance: bigint
  /** Collected from the channel so far. */
  readonly settled: bigint
  readonly registered: boolean
  /** The largest amount the channel can promise at the head and at depth: a registration still to be paid is kept back. */
  readonly capacity: bigint
}

export interface FundsReader {
  /** At most `maxAgeMs` old; the last one known while the chain is away. @throws Fault `chain-unreachable`. */
  read(maxAgeMs?: number): Promise<Funds>
  registrationFee(): Promise<bigint>
  /** As they were read last. */
  readonly known: Funds | undefined
  /** Why the last reading failed. */
  readonly problem: Fault | undefined
}

/** Together with an event stream's own pace, a deposit shows within two seconds of its confirmation. */
const defaultMaxAgeMs = 800

export function createFundsReader(
  deps: {
    readonly client: ChainClient
    readonly clock: Clock
    /** On its way out of the channel. */
    readonly reserved: () => bigint
  },
  profile: NetworkProfile,
  own: { readonly identity: Address; readonly channel: Address },
): FundsReader {
  const { rpc, rpcUrl } = deps.client
  const { token, registry } = profile.contracts
  let known: { funds: Funds; atMs: number } | undefined
  let pending: Promise<Funds> | undefined
  let problem: Fault | undefined
  const readRegistry = <N extends 'maxRegistrationFee' | 'registrationFee'>(functionName: N) =>
    reach(rpcUrl, () => rpc.readContract({ address: registry, abi: registryAbi, functionName }))

  async function readNow(): Promise<Funds> {
    const { identity, channel } = own
    const depth = profile.confirmationDepth
    const [state, maxFee] = await Promise.all([
      readChannel(deps.client, { token, registry, identity, channel, depth, deployedAtBlock: profile.deployedAtBlock }),
      readRegistry('maxRegistrationFee'),
    ])
    const { balance, settled, registered } = state.head
    const funds = { balance, settled, registered, capacity: capacityOf(state, maxFee) }
    known = { funds, atMs: deps.clock.elapsedMs() }
    return funds
  }

  /** What leaves can't be promised any more, whenever it was read. */
  function lessReserved(funds: Funds): Funds {
    const reserved = deps.reserved()
    return { ...funds, capacity: funds.capacity > reserved ? funds.capacity - reserved : 0n }
  }

  return {
    async read(maxAgeMs = defaultMaxAgeMs) {
      if (known !== undefined && deps.clock.elapsedMs() - known.atMs <= maxAgeMs) return lessReserved(known.funds)
      pending ??= readNow().finally(() => {
        pending = undefined
      })
      try {
        const funds = await pending
        problem = undefined
        return lessReserved(funds)
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        problem = fault
        if (known !== undefined) return lessReserved(known.funds)
        throw fault
      }
    },
    registrationFee: () => readRegistry('registrationFee'),
    get known() {
      return known && lessReserved(known.funds)
    },
    get problem() {
      return problem
    },
  }
}
