/**
 * One transaction of a key that may have been interrupted: what an earlier run left in the pool is waited for, and what is
 * sent again is the same transaction, or one with the same nonce, so that only one of them can ever be mined.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { type Address, Fault, type Hex } from '@myst/protocol'
import { BaseError, HttpRequestError, keccak256, TimeoutError, TransactionReceiptNotFoundError } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { type ChainClient, nodeWords, reach } from '../chain-client.ts'
import type { Fees } from './fees.ts'

export interface Payload {
  readonly to: Address
  readonly data?: Hex
  readonly value?: bigint
  /** Asked when nothing of an earlier run is left in the pool: with that mined, a node would answer otherwise. */
  gas(): Promise<bigint>
}

export interface SendOptions {
  readonly fees: Fees
  /** Whether the chain has already what the transaction is for. */
  isDone(): Promise<boolean>
  /** Says what is being waited for. */
  onWait(waiting: Waiting): void
  readonly signal?: AbortSignal | undefined
}

export type Waiting =
  | { readonly kind: 'earlier'; readonly nonce: number }
  | { readonly kind: 'sent'; readonly hash: Hex; readonly nonce: number }

export interface Mined {
  readonly hash: Hex
  readonly blockNumber: bigint
}

/** Longer than a transaction with today's fee waits; after it, the next run goes on waiting. */
export const minedTimeoutMs = 600_000
/** Behind one address there are often several nodes, and the next answer comes from one that is a little late. */
export const lateNodeMs = 30_000
/** Pools forget, and some nodes do not pass on: the same bytes again do no harm. */
const rebroadcastMs = 10_000

/**
 * @returns undefined where it turned out that there was nothing left to send.
 * @throws Fault `transaction-pending`, `transaction-replaced`, `transaction-reverted`, `transaction-not-taken`,
 * `deployer-underfunded`, `chain-unreachable`.
 */
export async function sendOnce(
  client: ChainClient,
  account: PrivateKeyAccount,
  { to, data, value = 0n, gas: gasNeeded }: Payload,
  { fees, isDone, onWait, signal }: SendOptions,
): Promise<Mined | undefined> {
  const { rpc, rpcUrl, chainId } = client
  const { address } = account
  const deadlineMs = performance.now() + minedTimeoutMs
  const pause = () => wait(rpc.pollingInterval, undefined, signal === undefined ? {} : { signal })
  const countOf = (blockTag: 'latest' | 'pending') =>
    reach(rpcUrl, () => rpc.getTransactionCount({ address, blockTag }))

  for (;;) {
    const nonce = await countOf('latest')
    if (await isDone()) return undefined
    if ((await countOf('pending')) > nonce) {
      if (performance.now() > deadlineMs) throw new Fault('transaction-pending', { address, nonce })
      onWait({ kind: 'earlier', nonce })
      await pause()
      continue
    }
    const gas = await gasNeeded()
    const price =
      fees.priority === undefined
        ? ({ type: 'legacy', gasPrice: fees.most } as const)
        : ({ type: 'eip1559', maxFeePerGas: fees.most, maxPriorityFeePerGas: fees.priority } as const)
    const payload = { to, value, gas, nonce, chainId: Number(chainId), ...(data === undefined ? {} : { data }) }
    const signed = await account.signTransaction({ ...payload, ...price })
    const refusal = await broadcast(client, signed)
    if (refusal === undefined || refusal.known) return mined(signed, nonce)
    if (refusal.underfunded) throw new Fault('deployer-underfunded', { address, chainId })
    // The node we asked for the nonce had not seen our last transaction yet.
    if (!refusal.nonceUsed || performance.now() > deadlineMs) {
      throw new Fault('transaction-not-taken', { address, why: refusal.why })
    }
    await pause()
  }

  async function mined(signed: Hex, nonce: number): Promise<Mined | undefined> {
    const hash = keccak256(signed)
    onWait({ kind: 'sent', hash, nonce })
    let sentMs = performance.now()
    let usedMs: number | undefined
    for (;;) {
      if ((await countOf('latest')) > nonce) usedMs ??= performance.now()
      const receipt = await reach(rpcUrl, () => rpc.getTransactionReceipt({ hash }).catch(undefinedIfUnknown))
      if (receipt?.status === 'success') return { hash, blockNumber: receipt.blockNumber }
      if (receipt !== undefined || (usedMs !== undefined && performance.now() - usedMs > lateNodeMs)) {
        // Reverted, or another transaction took the nonce: that may have been for the same.
        if (await isDone()) return undefined
        throw new Fault(receipt === undefined ? 'transaction-replaced' : 'transaction-reverted', { hash, nonce })
      }
      if (performance.now() > deadlineMs) throw new Fault('transaction-pending', { address, nonce, hash })
      if (performance.now() - sentMs > rebroadcastMs) {
        sentMs = performance.now()
        await broadcast(client, signed)
      }
      await pause()
    }
  }
}

/** How a node refuses a transaction, as far as words tell: every kind of node has its own. */
export interface PoolRefusal {
  readonly why: string
  readonly known: boolean
  readonly underfunded: boolean
  readonly nonceUsed: boolean
  /** It wants the chain's id in it (EIP-155). */
  readonly unprotected: boolean
}

/** @returns undefined where the pool took it. @throws Fault `chain-unreachable`. */
export function broadcast({ rpc, rpcUrl }: ChainClient, signed: Hex): Promise<PoolRefusal | undefined> {
  return reach(rpcUrl, async () => {
    try {
      await rpc.sendRawTransaction({ serializedTransaction: signed as `0x02${string}` })
      return undefined
    } catch (cause) {
      if (!(cause instanceof BaseError)) throw cause
      const away = cause.walk((inner) => inner instanceof HttpRequestError || inner instanceof TimeoutError)
      if (away !== null) throw cause
      return readPoolRefusal(cause.details || cause.shortMessage)
    }
  })
}

export function readPoolRefusal(why: string): PoolRefusal {
  const says = (pattern: RegExp) => pattern.test(why)
  return {
    why: nodeWords(why),
    known: says(/already ?known|known transaction|already imported|already exists/i),
    underfunded: says(/insufficient (funds|balance)|not enough (funds|balance)|doesn't have enough funds/i),
    nonceUsed: says(/nonce.*(too low|already)|oldnonce|replacement transaction underpriced|invalid nonce/i),
    unprotected: says(/replay.?protect|eip-?155|unprotected|chain.?id/i),
  }
}

function undefinedIfUnknown(cause: unknown): undefined {
  if (cause instanceof TransactionReceiptNotFoundError) return undefined
  throw cause
}
