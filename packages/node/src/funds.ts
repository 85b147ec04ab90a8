/**
 * What the chain says of our own channel and earnings, by our own view: nobody's word is needed for either.
 *
 * @module
 */

import type { Clock } from '@myst/billing'
import { type ChainClient, capacityOf, reach, readChannel } from '@myst/chain'
import { accountantAbi, registryAbi } from '@myst/contracts'
import type { Address, NetworkProfile } from '@myst/protocol'

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
  /** Settled to us by the accountant contract so far. */
  settledToUs(): Promise<bigint>
  /** What transactors took from our settlements so far; read anew only when `settled` has grown. */
  settlementFees(settled: bigint): Promise<bigint>
  registrationFee(): Promise<bigint>
}

export function createFundsReader(
  deps: { readonly client: ChainClient; readonly clock: Clock },
  profile: NetworkProfile,
  own: { readonly identity: Address; readonly channel: Address; readonly accountant: Address },
): FundsReader {
  const { rpc, rpcUrl } = deps.client
  const { token, registry } = profile.contracts
  let known: { funds: Funds; atMs: number } | undefined
  let pending: Promise<Funds> | undefined
  let feesAt: { readonly settled: bigint; readonly fees: bigint } | undefined
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

  return {
    async read(maxAgeMs = 2000) {
      if (known !== undefined && deps.clock.elapsedMs() - known.atMs <= maxAgeMs) return known.funds
      pending ??= readNow().finally(() => {
        pending = undefined
      })
      try {
        return await pending
      } catch (fault) {
        if (known !== undefined) return known.funds
        throw fault
      }
    },
    settledToUs: async () => {
      const provider = await reach(rpcUrl, () =>
        rpc.readContract({
          address: own.accountant,
          abi: accountantAbi,
          functionName: 'providerOf',
          args: [own.identity],
        }),
      )
      return provider.settled
    },
    async settlementFees(settled) {
      if (feesAt?.settled === settled) return feesAt.fees
      const events = await reach(rpcUrl, () =>
        rpc.getContractEvents({
          address: own.accountant,
          abi: accountantAbi,
          eventName: 'OrderSettled',
          args: { provider: own.identity },
          fromBlock: profile.deployedAtBlock,
          strict: true,
        }),
      )
      const fees = events.reduce((sum, { args }) => sum + args.fee, 0n)
      feesAt = { settled, fees }
      return fees
    },
    registrationFee: () => readRegistry('registrationFee'),
  }
}
