/**
 * A token that is there already: what a network needs to know of it before it is built on.
 *
 * @module
 */

import { mystTokenAbi } from '@myst/contracts'
import { type Address, Fault, type Hex, zeroAddress } from '@myst/protocol'
import { encodeFunctionData, size } from 'viem'
import { type ChainClient, reach } from '../chain-client.ts'
import { callOrUndefined } from './code.ts'

export interface TokenFacts {
  readonly decimals: number
  readonly supply: bigint
}

/** More would not fit amounts of 10⁻¹⁸. */
const maxDecimals = 18n

/**
 * Fees on transfers and rebasing cannot be seen from outside; that a token answers as an ERC-20 does can.
 *
 * @throws Fault `token-unusable` with why, `chain-unreachable`.
 */
export async function readToken(client: ChainClient, token: Address): Promise<TokenFacts> {
  const unusable = (why: string) => new Fault('token-unusable', { token, why })
  const code = await reach(client.rpcUrl, () => client.rpc.getCode({ address: token }))
  if (code === undefined) throw unusable('there is no contract at this address')
  const ask = async (data: Hex): Promise<bigint | undefined> => {
    const answer = await callOrUndefined(client, token, data)
    return answer !== undefined && size(answer) === 32 ? BigInt(answer) : undefined
  }
  const [decimals, supply, balance] = await Promise.all([
    ask(encodeFunctionData({ abi: mystTokenAbi, functionName: 'decimals' })),
    ask(encodeFunctionData({ abi: mystTokenAbi, functionName: 'totalSupply' })),
    ask(encodeFunctionData({ abi: mystTokenAbi, functionName: 'balanceOf', args: [zeroAddress] })),
  ])
  if (decimals === undefined) throw unusable('it does not say how many decimals it has')
  if (decimals > maxDecimals) throw unusable(`it has ${decimals} decimals, and ${maxDecimals} is the most`)
  if (supply === undefined || balance === undefined) throw unusable('it does not answer as an ERC-20 token does')
  return { decimals: Number(decimals), supply }
}
