/**
 * A connection to one chain, pinned to its id.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import {
  BaseError,
  createPublicClient,
  HttpRequestError,
  http,
  type PublicClient,
  RpcRequestError,
  TimeoutError,
  type Transport,
} from 'viem'
import { ipcTransport } from './ipc-transport.ts'

export interface ChainOptions {
  /** `http(s)://…`, or the path of a node's IPC socket. */
  readonly rpcUrl: string
  /** Absent: whichever chain it serves. */
  readonly chainId?: bigint
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
  const rpc = publicClientOf(rpcUrl, pollingMs)
  const served = await reach(rpcUrl, async () => BigInt(await rpc.getChainId()))
  if (chainId !== undefined && served !== chainId) {
    throw new Fault('chain-wrong-id', { rpcUrl, expected: chainId, served })
  }
  return { rpc, rpcUrl, chainId: served }
}

/** A connection to a chain that may be away just now; whoever relies on its id asks for it. */
export function openChain({
  rpcUrl,
  chainId,
  pollingMs = 1000,
}: ChainOptions & { readonly chainId: bigint }): ChainClient {
  return { rpc: publicClientOf(rpcUrl, pollingMs), rpcUrl, chainId }
}

/** cacheTime 0: a cached head would hide that the chain moved on. */
const publicClientOf = (rpcUrl: string, pollingInterval: number): PublicClient =>
  createPublicClient({ transport: transportTo(rpcUrl), pollingInterval, cacheTime: 0 })

export function transportTo(rpcUrl: string): Transport {
  const options = { timeout: rpcTimeoutMs, retryCount: 2 }
  return rpcUrl.startsWith('/') ? ipcTransport(rpcUrl, options) : http(rpcUrl, { ...options, batch: { wait: 0 } })
}

/** Turns what a node did wrong into one fault that programs wait out. */
export async function reach<T>(rpcUrl: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    throw new Fault('chain-unreachable', { rpcUrl, why: whyUnreachable(cause) }, { cause })
  }
}

/** What answered instead of a node, where something did: a page, an error, another status than 200. */
function whyUnreachable(cause: unknown): string | undefined {
  if (!(cause instanceof BaseError)) return 'not what was asked for'
  const find = <T>(kind: new (...args: never[]) => T) => cause.walk((inner) => inner instanceof kind) as T | null
  const answer = find(RpcRequestError)
  if (answer !== null) return `error ${answer.code}, ${nodeWords(answer.details)}`
  const http = find(HttpRequestError)
  if (http?.status !== undefined) return `HTTP ${http.status}`
  if (http?.details.includes('JSON') === true) return 'not JSON-RPC'
  return http !== null || find(TimeoutError) !== null ? undefined : 'not what was asked for'
}

/** A node's words in ours: enough to know them by, too few to fill a screen, and nothing that moves a terminal. */
const maxWordsLength = 120

export const nodeWords = (text: string): string => text.replace(/[^ -~]+/g, ' ').slice(0, maxWordsLength)
