/**
 * What an accountant's contract says of it: the share that it may keep, and whose signatures count.
 *
 * @module
 */

import { type ChainClient, reach } from '@myst/chain'
import { accountantAbi } from '@myst/contracts'
import type { Address } from '@myst/protocol'

/**
 * The larger of the rate that holds and the one that is announced, so that a rise is no surprise on its day.
 *
 * @returns basis points.
 * @throws Fault `chain-unreachable`
 */
export async function readFeeRate({ rpc, rpcUrl }: ChainClient, address: Address): Promise<number> {
  const [now, [announced]] = await reach(rpcUrl, () =>
    Promise.all([
      rpc.readContract({ address, abi: accountantAbi, functionName: 'feeRate' }),
      rpc.readContract({ address, abi: accountantAbi, functionName: 'nextFeeRate' }),
    ]),
  )
  return Math.max(Number(now), Number(announced))
}

/** @throws Fault `chain-unreachable` */
export async function readOperator({ rpc, rpcUrl }: ChainClient, address: Address): Promise<Address> {
  const found = await reach(rpcUrl, () => rpc.readContract({ address, abi: accountantAbi, functionName: 'operator' }))
  return found.toLowerCase() as Address
}
