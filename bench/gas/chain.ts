/**
 * The chain that gas is measured on: anvil, at a fixed time, so that every run makes the same transactions.
 *
 * anvil signs for whoever sends (impersonation): a transaction's own signature is not part of what its gas pays for.
 *
 * @module
 */

import type { Call, ChainClient } from '@myst/chain'
import type { Address } from '@myst/protocol'
import {
  encodeFunctionData,
  formatTransactionReceipt,
  type RpcTransactionReceipt,
  type TransactionReceipt,
  toHex,
} from 'viem'
import { startAnvil } from '../../tools/anvil.ts'

export interface GasChain {
  readonly client: ChainClient
  /** What anvil says of itself: its version, and whose gas prices it charges. */
  readonly program: { readonly version: string; readonly hardFork: string }
  /** Sends without a simulation. @throws where it reverts. */
  send(from: Address, call: Call): Promise<TransactionReceipt>
  close(): Promise<void>
}

/** In seconds; any fixed time does, as long as no deadline is before it. */
const startTime = 1_800_000_000
/** Given to all alike: an estimate would find less for a batch, and then items are skipped. Under the limit of EIP-7825. */
const gasLimit = 16_000_000n
/** Pays for any number of such transactions. */
const native = 10n ** 24n

export async function openGasChain(): Promise<GasChain> {
  const { client, close } = await startAnvil(['--timestamp', String(startTime)])
  const request = (method: string, ...params: readonly unknown[]): Promise<unknown> =>
    client.rpc.request({ method, params } as never)
  await request('anvil_setBlockTimestampInterval', 1)
  await request('anvil_autoImpersonateAccount', true)
  const { hardFork } = (await request('anvil_nodeInfo')) as { hardFork: string }
  const version = ((await request('web3_clientVersion')) as string).replace('/', ' ')
  const rich = new Set<Address>()

  return {
    client,
    program: { version, hardFork },
    async send(from, { to, abi, name, args }) {
      if (!rich.has(from)) await request('anvil_setBalance', from, toHex(native))
      rich.add(from)
      const data = encodeFunctionData({ abi, functionName: name, args } as never)
      // Answers once it is mined.
      const sent = await request('eth_sendTransactionSync', { from, to, data, gas: toHex(gasLimit) })
      const receipt = formatTransactionReceipt(sent as RpcTransactionReceipt)
      if (receipt.status !== 'success') throw new Error(`${name} reverted`)
      return receipt
    },
    close,
  }
}
