/**
 * What is at an address, and since when.
 *
 * @module
 */

import { type Address, Fault, fromHex, type Hex } from '@myst/protocol'
import { BaseError, CallExecutionError, HttpRequestError, TimeoutError } from 'viem'
import { type ChainClient, reach } from '../chain-client.ts'

/** @throws Fault `chain-unreachable`. */
export async function codeAt({ rpc, rpcUrl }: ChainClient, address: Address): Promise<Uint8Array> {
  return fromHex((await reach(rpcUrl, () => rpc.getCode({ address }))) ?? '0x')
}

export async function hasCode(client: ChainClient, address: Address): Promise<boolean> {
  return (await codeAt(client, address)).length > 0
}

/** What a call returns; undefined where the contract refuses it. @throws Fault `chain-unreachable`. */
export function callOrUndefined(
  { rpc, rpcUrl }: ChainClient,
  to: Address | undefined,
  data: Hex,
): Promise<Hex | undefined> {
  return reach(rpcUrl, async () => {
    try {
      return (await rpc.call({ ...(to === undefined ? {} : { to }), data })).data
    } catch (cause) {
      if (cause instanceof CallExecutionError && !isAway(cause)) return undefined
      throw cause
    }
  })
}

/**
 * The block that brought the code at `address`: halves what is left, some 25 questions on the longest chain.
 *
 * @throws Fault `deployment-block-unknown` where the node has forgotten what was there then, `chain-unreachable`.
 */
export async function findCreationBlock({ rpc, rpcUrl }: ChainClient, address: Address): Promise<bigint> {
  /** Nodes forget old states and answer with an error; that is before the creation as far as the search goes. */
  const look = (blockNumber: bigint): Promise<'code' | 'none' | 'forgotten'> =>
    reach(rpcUrl, async () => {
      try {
        return (await rpc.getCode({ address, blockNumber })) === undefined ? 'none' : 'code'
      } catch (cause) {
        if (isAway(cause)) throw cause
        return 'forgotten'
      }
    })
  let with_ = await reach(rpcUrl, () => rpc.getBlockNumber())
  let without = -1n
  let before: 'none' | 'forgotten' = 'none'
  while (with_ - without > 1n) {
    const middle = (with_ + without) / 2n
    const found = await look(middle)
    if (found === 'code') with_ = middle
    else {
      without = middle
      before = found
    }
  }
  if (before === 'forgotten') throw new Fault('deployment-block-unknown', { address, oldest: with_ })
  return with_
}

/** The node did not answer, rather than refuse. */
export function isAway(cause: unknown): boolean {
  if (!(cause instanceof BaseError)) return true
  return cause.walk((inner) => inner instanceof HttpRequestError || inner instanceof TimeoutError) !== null
}
