/**
 * A connection to one chain, pinned to its id.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import { createPublicClient, http, type PublicClient, type Transport } from 'viem'
import { ipc } from 'viem/node'

export interface ChainOptions {
  /** `http(s)://…`, or the path of a node's IPC socket. */
  readonly rpcUrl: string
  readonly chainId: bigint
  /** How often a wait looks again. A block time or less. */
  readonly pollingMs?: number
}

export interface ChainClient {
  readonly rpc: PublicClient
  readonly rpcUrl: string
  readonly chainId: bigint
}

/** Longer than a healthy node needs for any call we make; a hung one must not hold a session. */
const rpcTimeoutMs = 10_000

/** @throws Fault `chain-unreachable`, or `chain-wrong-id` where the endpoint serves another chain. */
export async function connectChain({ rpcUrl, chainId, pollingMs = 1000 }: ChainOptions): Promise<ChainClient> {
  // cacheTime 0: a cached head would hide that the chain moved on.
  const rpc = createPublicClient({
    transport: transportTo(rpcUrl),
    pollingInterval: pollingMs,
    cacheTime: 0,
  })
  const served = await reach(rpcUrl, () => rpc.getChainId())
  if (BigInt(served) !== chainId) throw new Fault('chain-wrong-id', { rpcUrl, expected: chainId, served })
  return { rpc, rpcUrl, chainId }
}

export function transportTo(rpcUrl: string): Transport {
  const options = { timeout: rpcTimeoutMs, retryCount: 2 }
  return rpcUrl.startsWith('/') ? ipc(rpcUrl, options) : http(rpcUrl, { ...options, batch: { wait: 0 } })
}

/** Turns what a node did wrong into one fault that programs wait out. */
export async function reach<T>(rpcUrl: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    throw new Fault('chain-unreachable', { rpcUrl }, { cause })
  }
}
