/**
 * No figure without its proof: a transaction counts only if the token moved what the measurement says it pays for.
 *
 * @module
 */

import type { Address } from '@myst/protocol'
import { erc20Abi, parseEventLogs, type TransactionReceipt } from 'viem'

/** One sum on its way, as a line to compare. */
export const transfer = (from: Address, to: Address, amount: bigint): string =>
  `${from.toLowerCase()} → ${to.toLowerCase()}: ${amount}`

/**
 * The token's own word is taken, whatever the contracts above it say.
 *
 * @throws where the transaction moved anything else, anything less, or anything more.
 */
export function gasOf(token: Address, receipt: TransactionReceipt, expected: readonly string[]): number {
  const logs = receipt.logs.filter(({ address }) => address.toLowerCase() === token)
  const moved = parseEventLogs({ abi: erc20Abi, eventName: 'Transfer', logs, strict: true })
    .map(({ args: { from, to, value } }) => transfer(from, to, value))
    .sort()
  const wanted = [...expected].sort()
  const wrong = wanted.find((line, index) => line !== moved[index])
  if (wrong !== undefined || moved.length !== wanted.length) {
    throw new Error(`moved ${moved.length} sums where ${wanted.length} were due; not there: ${wrong ?? 'nothing'}`)
  }
  return Number(receipt.gasUsed)
}
