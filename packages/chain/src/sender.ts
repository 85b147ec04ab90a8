/**
 * Sends transactions from one key: simulated first, nonces in order, waited for.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { accountantAbi, consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { type Address, Fault, type Hex, toHex } from '@myst/protocol'
import {
  type Abi,
  BaseError,
  type ContractFunctionArgs,
  type ContractFunctionName,
  ContractFunctionRevertedError,
  createWalletClient,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type ChainClient, reach, transportTo } from './chain-client.ts'

export interface Call<
  A extends Abi = Abi,
  N extends ContractFunctionName<A, 'nonpayable' | 'payable'> = ContractFunctionName<A, 'nonpayable' | 'payable'>,
> {
  readonly to: Address
  readonly abi: A
  readonly name: N
  readonly args: ContractFunctionArgs<A, 'nonpayable' | 'payable', N>
}

export interface Sender {
  readonly address: Address
  /**
   * Simulates, sends, and waits until it is mined.
   *
   * @throws Fault `transaction-refused` where the simulation reverts (nothing was sent; `error` names the contract's
   * error), `transaction-reverted` where it reverted when mined, `chain-unreachable`.
   * @param onSimulated called between simulation and broadcast; where it throws, nothing is sent.
   */
  send<const A extends Abi, N extends ContractFunctionName<A, 'nonpayable' | 'payable'>>(
    call: Call<A, N>,
    onSimulated?: () => void,
  ): Promise<TransactionReceipt>
  /** Sends nothing. @throws Fault `transaction-refused`, `chain-unreachable`. */
  simulate<const A extends Abi, N extends ContractFunctionName<A, 'nonpayable' | 'payable'>>(
    call: Call<A, N>,
  ): Promise<void>
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
    async simulate(call) {
      await simulate(client, account, call as unknown as Call)
    },
    async send(call, onSimulated) {
      const hash = await inTurn(async () => {
        const request = await simulate(client, account, call as unknown as Call)
        onSimulated?.()
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

const contractErrors = [registryAbi, accountantAbi, consumerChannelAbi, mystTokenAbi]
  .flat()
  .filter(({ type }) => type === 'error')

async function simulate(client: ChainClient, account: ReturnType<typeof privateKeyToAccount>, call: Call) {
  try {
    const { to: address, name: functionName, args } = call
    // A contract passes on the errors of those it calls.
    const abi = [...call.abi, ...contractErrors]
    const { request } = await client.rpc.simulateContract({ account, address, abi, functionName, args } as never)
    return request as object
  } catch (cause) {
    const reverted =
      cause instanceof BaseError ? cause.walk((inner) => inner instanceof ContractFunctionRevertedError) : null
    if (!(reverted instanceof ContractFunctionRevertedError)) {
      throw new Fault('chain-unreachable', { rpcUrl: client.rpcUrl }, { cause })
    }
    const error = reverted.data?.errorName ?? reverted.reason ?? reverted.signature ?? 'unknown'
    throw new Fault('transaction-refused', { function: call.name, error }, { cause })
  }
}
