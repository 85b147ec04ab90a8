/**
 * What the chain says of a consumer channel: enough to know what it can still promise.
 *
 * @module
 */

import { consumerChannelAbi, mystTokenAbi } from '@myst/contracts'
import type { Address } from '@myst/protocol'
import { decodeFunctionResult, encodeFunctionData } from 'viem'
import { type ChainClient, reach } from './chain-client.ts'

export interface ChannelState {
  readonly balance: bigint
  readonly settled: bigint
  readonly deployed: boolean
  /** At the head, not at depth: what lowers a limit counts at once. */
  readonly held: bigint
  /** Block timestamp (s) at which an open exit matures; 0 where none is open. */
  readonly exitAtS: bigint
  readonly headTimestampS: bigint
  readonly blockNumber: bigint
}

/** Reads balance and settled at `depth` (the head has depth 1), hold and exit at the head. @throws Fault `chain-unreachable`. */
export function readChannel(
  client: ChainClient,
  { token, channel, depth }: { readonly token: Address; readonly channel: Address; readonly depth: number },
): Promise<ChannelState> {
  const { rpc, rpcUrl } = client
  return reach(rpcUrl, async () => {
    const head = await rpc.getBlock({ blockTag: 'latest' })
    const deep = head.number >= BigInt(depth - 1) ? head.number - BigInt(depth - 1) : 0n
    const call = async (to: Address, data: `0x${string}`, blockNumber: bigint) =>
      (await rpc.call({ to, data, blockNumber })).data
    const read = (name: 'settled' | 'held' | 'exit', blockNumber: bigint) =>
      call(channel, encodeFunctionData({ abi: consumerChannelAbi, functionName: name }), blockNumber)
    const [balance, settled, held, exit] = await Promise.all([
      call(token, encodeFunctionData({ abi: mystTokenAbi, functionName: 'balanceOf', args: [channel] }), deep),
      read('settled', deep),
      read('held', head.number),
      read('exit', head.number),
    ])
    // An address without code answers a call with nothing: the channel isn't deployed yet, and may hold money all the same.
    return {
      balance: balance === undefined ? 0n : BigInt(balance),
      settled: settled === undefined ? 0n : BigInt(settled),
      deployed: settled !== undefined,
      held: held === undefined ? 0n : BigInt(held),
      exitAtS:
        exit === undefined
          ? 0n
          : decodeFunctionResult({ abi: consumerChannelAbi, functionName: 'exit', data: exit }).dueAt,
      headTimestampS: head.timestamp,
      blockNumber: deep,
    }
  })
}
