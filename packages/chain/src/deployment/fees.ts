/**
 * What a transaction costs now, and what it may cost at most.
 *
 * @module
 */

import { Fault, fromHex, type Hex } from '@myst/protocol'
import { type ChainClient, reach } from '../chain-client.ts'

/** In the chain's smallest unit, per gas. */
export interface Fees {
  readonly expected: bigint
  /** What a transaction offers; the difference is not paid. */
  readonly most: bigint
  /** Part of `most` that goes to who makes the block; absent on chains from before EIP-1559. */
  readonly priority?: bigint
}

/** @throws Fault `fees-rose` where `maxFeePerGas` is not enough now, `chain-unreachable`. */
export async function readFees(client: ChainClient, maxFeePerGas?: bigint): Promise<Fees> {
  const fees = await feesNow(client)
  if (maxFeePerGas === undefined || fees.most <= maxFeePerGas) return fees
  if (fees.expected > maxFeePerGas) throw new Fault('fees-rose', { now: fees.expected, agreed: maxFeePerGas })
  return { ...fees, most: maxFeePerGas }
}

function feesNow({ rpc, rpcUrl }: ChainClient): Promise<Fees> {
  return reach(rpcUrl, async () => {
    const { baseFeePerGas } = await rpc.getBlock({ blockTag: 'latest' })
    if (baseFeePerGas == null) {
      const price = await rpc.getGasPrice()
      return { expected: price, most: (price * 5n) / 4n }
    }
    const priority = await rpc.estimateMaxPriorityFeePerGas()
    // The base fee doubles within six full blocks; a transaction that offers less waits.
    return { expected: baseFeePerGas + priority, most: 2n * baseFeePerGas + priority, priority }
  })
}

/** More than an estimate says: state may differ a little when it is mined. What is not used is not paid. */
export const withMargin = (gas: bigint): bigint => (gas * 5n) / 4n

/** What a plain transfer uses. */
export const transferGas = 21_000n
const createGas = 32_000n
const gasPerCodeByte = 200n
/** Of a constructor: a token that is minted writes twice, a registry reads its token. */
const constructorGas = 120_000n

/**
 * The gas of a creation through the proxy, from the bytes alone: for what a node cannot simulate yet, since the token or
 * the proxy that it needs comes with the step before.
 *
 * Source: EIP-2028 (calldata), EIP-3860 (init code), EIP-170 and the yellow paper, appendix G (code deposit).
 *
 * @param codeBytes of each contract that it leaves behind.
 */
export function creationGas(call: Hex, codeBytes: readonly number[]): bigint {
  const bytes = fromHex(call)
  const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0)
  const calldata = 4 * zeros + 16 * (bytes.length - zeros)
  const words = Math.ceil(bytes.length / 32)
  // Copied to memory, hashed for CREATE2, checked as init code; memory grows with its square.
  const handling = words * (3 + 3 + 6 + 2) + Math.ceil(words ** 2 / 512)
  const deposits = codeBytes.reduce((sum, length) => sum + createGas + gasPerCodeByte * BigInt(length), 0n)
  return transferGas + BigInt(calldata + handling) + deposits + constructorGas
}
