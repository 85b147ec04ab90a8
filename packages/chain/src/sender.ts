/**
 * Sends transactions from one key: simulated first, nonces in order, waited for. It remembers nothing: who needs each of
 * them brought to its end, through crashes and price spikes, uses an outbox.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Address, Fault, type Hex, toHex } from '@myst/protocol'
import {
  type Abi,
  type ContractFunctionName,
  createWalletClient,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ChainClient, reach, transportTo } from './chain-client.ts'
import { type Call, simulate } from './simulate.ts'

export interface Sender {
  readonly address: Address
  /**
   * Simulates, sends, and waits until it is mined.
   *
   * @throws Fault `transaction-refused` where the simulation reverts (nothing was sent; `error` names the contract's
   * error), `transaction-reverted` where it reverted when mined, `chain-unreachable`.
   */
  send<const A extends Abi, N extends ContractFunctionName<A, 'nonpayable' | 'payable'>>(
    call: Call<A, N>,
  ): Promise<TransactionReceipt>
  deploy(abi: Abi, bytecode: Hex, args: readonly unknown[]): Promise<Address>
}

/** How long a mined receipt is waited for; a stuck transaction is a fault, not a hang. */
const receiptTimeoutMs = 60_000
/** From then on a transaction that its node doesn't know is given up: whoever sent it tries again. */
const lostAfterMs = 3_000

export function createSender(client: ChainClient, privateKey: Uint8Array): Sender {
  const account = privateKeyToAccount(toHex(privateKey))
  const wallet = createWalletClient({ account, transport: transportTo(client.rpcUrl) })
  const { rpc, rpcUrl } = client
  let turn: Promise<unknown> = Promise.resolve()

  /** One at a time from simulation to broadcast, so that each sees the nonce and the effects of the one before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  async function receiptOf(hash: Hex): Promise<TransactionReceipt> {
    const sentAtMs = performance.now()
    for (;;) {
      const receipt = await reach(rpcUrl, () => orUndefined(rpc.getTransactionReceipt({ hash })))
      if (receipt?.status === 'success') return receipt
      if (receipt !== undefined) throw new Fault('transaction-reverted', { hash })
      const waitedMs = performance.now() - sentAtMs
      if (waitedMs > receiptTimeoutMs || (waitedMs > lostAfterMs && (await isLost(hash)))) {
        throw new Fault('chain-unreachable', { rpcUrl, hash, waitedMs: Math.round(waitedMs) })
      }
      await wait(rpc.pollingInterval)
    }
  }

  /** The node doesn't know it any more: its pool dropped it. */
  async function isLost(hash: Hex): Promise<boolean> {
    return (await reach(rpcUrl, () => orUndefined(rpc.getTransaction({ hash })))) === undefined
  }

  return {
    address: account.address.toLowerCase() as Address,
    async send(call) {
      const hash = await inTurn(async () => {
        const request = await simulate(client, account, call as unknown as Call)
        return reach(rpcUrl, () => wallet.writeContract({ ...request, chain: null } as never))
      })
      return receiptOf(hash)
    },
    async deploy(abi, bytecode, args) {
      const hash = await inTurn(() =>
        reach(rpcUrl, () => wallet.deployContract({ abi, bytecode, args, chain: null } as never)),
      )
      const { contractAddress } = await receiptOf(hash)
      if (contractAddress == null) throw new Fault('deployment-failed', { hash })
      return contractAddress.toLowerCase() as Address
    },
  }
}

async function orUndefined<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking
  } catch (cause) {
    if (cause instanceof TransactionReceiptNotFoundError || cause instanceof TransactionNotFoundError) return undefined
    throw cause
  }
}
