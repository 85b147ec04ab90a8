/**
 * Whether a signed message was used, and how late it is by the chain's clock: both in one block.
 *
 * @module
 */

import { consumerChannelAbi } from '@myst/contracts'
import type { Address } from '@myst/protocol'
import { encodeFunctionData } from 'viem'
import { type ChainClient, reach } from './chain-client.ts'

export interface NonceState {
  readonly block: bigint
  readonly timestampS: bigint
  readonly isUsed: boolean
}

/** @param place `depth` of the block that is looked at; the head has depth 1. */
export function readNonce(
  { rpc, rpcUrl }: ChainClient,
  place: { readonly channel: Address; readonly signer: Address; readonly nonce: bigint; readonly depth: number },
): Promise<NonceState> {
  return reach(rpcUrl, async () => {
    const head = await rpc.getBlockNumber({ cacheTime: 0 })
    const behind = BigInt(place.depth - 1)
    const block = await rpc.getBlock({ blockNumber: head > behind ? head - behind : 0n })
    const { channel, signer, nonce } = place
    const data = encodeFunctionData({ abi: consumerChannelAbi, functionName: 'isNonceUsed', args: [signer, nonce] })
    // By hash: the answer is of this block, or an error (EIP-1898). A channel that is not deployed answers with nothing.
    const { data: used } = await rpc.call({ to: channel, data, blockHash: block.hash })
    return { block: block.number, timestampS: block.timestamp, isUsed: BigInt(used ?? 0) !== 0n }
  })
}
