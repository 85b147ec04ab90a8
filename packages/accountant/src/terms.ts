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
export function readTerms({ rpc, rpcUrl }: ChainClient, profile: NetworkProfile, accountant: Address): Promise<Terms> {
  const at = { address: accountant, abi: accountantAbi } as const
  return reach(rpcUrl, async () => {
    const [operator, feeRate, exitDelay, maxRegistrationFee] = await Promise.all([
      rpc.readContract({ ...at, functionName: 'operator' }),
      rpc.readContract({ ...at, functionName: 'feeRate' }),
      rpc.readContract({ ...at, functionName: 'exitDelay' }),
      rpc.readContract({
        address: profile.contracts.registry,
        abi: registryAbi,
        functionName: 'maxRegistrationFee',
      }),
    ])
    return { operator: operator.toLowerCase() as Address, feeRate, exitDelay, maxRegistrationFee }
  })
}
