/**
 * Tries a call without sending it: what the contract would say, and what it would use.
 *
 * @module
 */

import { accountantAbi, consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { type Address, Fault, type Hex } from '@myst/protocol'
import {
  type Abi,
  type Account,
  BaseError,
  type ContractFunctionArgs,
  type ContractFunctionName,
  ContractFunctionRevertedError,
  encodeFunctionData,
} from 'viem'
import { type ChainClient, reach } from './chain-client.ts'
import type { Endpoints } from './endpoints.ts'

export interface Call<
  A extends Abi = Abi,
  N extends ContractFunctionName<A, 'nonpayable' | 'payable'> = ContractFunctionName<A, 'nonpayable' | 'payable'>,
> {
  readonly to: Address
  readonly abi: A
  readonly name: N
  readonly args: ContractFunctionArgs<A, 'nonpayable' | 'payable', N>
}

/** A call that the compiler has checked against its ABI, for who only passes calls on. */
export const typedCall = <const A extends Abi, N extends ContractFunctionName<A, 'nonpayable' | 'payable'>>(
  call: Call<A, N>,
): Call => call as unknown as Call

/** A contract passes on the errors of those it calls. */
const contractErrors = [registryAbi, accountantAbi, consumerChannelAbi, mystTokenAbi]
  .flat()
  .filter(({ type }) => type === 'error')

/**
 * @returns the request as viem writes it.
 * @throws Fault `transaction-refused` with the contract's `error`, `chain-unreachable`.
 */
export async function simulate(client: ChainClient, account: Account | Address, call: Call): Promise<object> {
  try {
    const { to: address, name: functionName, args } = call
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

/** A call as bytes, with the gas that it takes now. */
export interface EncodedCall {
  readonly to: Address
  readonly data: Hex
  readonly gas: bigint
}

/** @throws Fault `transaction-refused`, `chain-unreachable`. */
export async function estimateCall(client: ChainClient, from: Address, call: Call): Promise<EncodedCall> {
  await simulate(client, from, call)
  const { to, abi, name: functionName, args } = call
  const data = encodeFunctionData({ abi, functionName, args } as never)
  const gas = await reach(client.rpcUrl, () => client.rpc.estimateGas({ account: from, to, data }))
  return { to, data, gas }
}

/** State may differ by a block between endpoints, and a first use of some slots with it; by more than this it is a lie. */
const maxGasFactor = 4n

/**
 * What all endpoints say of a call: the most gas of any, since what is not used is not paid, and too little reverts.
 *
 * @throws Fault `transaction-refused` where all refuse it for one reason, `chain-disagrees`, `chain-unreachable`,
 * `chain-wrong-id`.
 */
export async function estimateCallOn(endpoints: Endpoints, from: Address, call: Call): Promise<EncodedCall> {
  const answers = await endpoints.ask(async (client) => {
    try {
      return { taken: await estimateCall(client, from, call) }
    } catch (fault) {
      if (fault instanceof Fault && fault.code === 'transaction-refused') return { refused: fault }
      throw fault
    }
  })
  const taken = answers.flatMap(({ value }) => value.taken ?? [])
  const refused = answers.flatMap(({ value }) => value.refused ?? [])
  const [refusal] = refused
  const isOneReason = refused.every(({ facts }) => facts.error === refusal?.facts.error)
  if (refusal !== undefined && taken.length === 0 && isOneReason) throw refusal
  const [most, ...others] = taken.toSorted((one, other) => Number(other.gas - one.gas))
  const least = others.at(-1) ?? most
  if (most !== undefined && least !== undefined && refusal === undefined && most.gas <= least.gas * maxGasFactor) {
    return most
  }
  const said = answers.map(({ client, value }) => [
    client.rpcUrl,
    value.taken === undefined ? String(value.refused.facts.error) : `${value.taken.gas} gas`,
  ])
  throw endpoints.disagree(`the call ${call.name}`, Object.fromEntries(said))
}
