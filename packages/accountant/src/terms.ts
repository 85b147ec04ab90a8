/**
 * What the contracts say that the accountant works by.
 *
 * @module
 */

import { type ChainClient, reach } from '@myst/chain'
import { accountantAbi, registryAbi } from '@myst/contracts'
import type { Address, NetworkProfile } from '@myst/protocol'

export interface Terms {
  readonly operator: Address
  /** Basis points. */
  readonly feeRate: bigint
  /** Seconds. */
  readonly exitDelay: bigint
  readonly maxRegistrationFee: bigint
}

/** @throws Fault `chain-unreachable`. */
export function readOperator({ rpc, rpcUrl }: ChainClient, accountant: Address): Promise<Address> {
  return reach(rpcUrl, async () => {
    const found = await rpc.readContract({ address: accountant, abi: accountantAbi, functionName: 'operator' })
    return found.toLowerCase() as Address
  })
}

/** @throws Fault `chain-unreachable`. */
export function readTerms(client: ChainClient, profile: NetworkProfile, accountant: Address): Promise<Terms> {
  const { rpc, rpcUrl } = client
  const at = { address: accountant, abi: accountantAbi } as const
  return reach(rpcUrl, async () => {
    const [operator, feeRate, exitDelay, maxRegistrationFee] = await Promise.all([
      readOperator(client, accountant),
      rpc.readContract({ ...at, functionName: 'feeRate' }),
      rpc.readContract({ ...at, functionName: 'exitDelay' }),
      rpc.readContract({
        address: profile.contracts.registry,
        abi: registryAbi,
        functionName: 'maxRegistrationFee',
      }),
    ])
    return { operator, feeRate, exitDelay, maxRegistrationFee }
  })
}
