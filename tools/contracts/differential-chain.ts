/**
 * The contracts' verdicts: the harness, put at any address of any chain id for one `eth_call`.
 *
 * @module
 */

import { accountantAbi } from '@myst/contracts'
import { concatBytes, type Hex, toHex, uintToBytes } from '@myst/protocol'
import { encodeFunctionData, toFunctionSelector } from 'viem'
import { startAnvil } from '../anvil.ts'
import { compileRuntime } from './compiler.ts'
import { type ContractDomain, type DifferentialCase, padded } from './differential-cases.ts'

export interface ChainVerdict {
  /** 32 bytes, hex. */
  readonly digest: string
  /** The signer, or the name of the error. */
  readonly outcome: string
}

export interface DifferentialChain {
  /** @param kind of all the cases: its place in `differentialStructs`. */
  judge(domain: ContractDomain, kind: number, cases: readonly DifferentialCase[]): Promise<ChainVerdict[]>
  close(): Promise<void>
}

const judgeAbi = [
  {
    type: 'function',
    name: 'judge',
    stateMutability: 'view',
    inputs: [
      { name: 'kind', type: 'uint8' },
      { name: 'cases', type: 'bytes' },
    ],
    outputs: [{ name: 'verdicts', type: 'bytes' }],
  },
] as const

/** Why a signature is refused, by selector; any other revert is a mismatch. */
const errors: ReadonlyMap<string, string> = new Map(
  accountantAbi
    .filter((entry) => entry.type === 'error')
    .filter(({ name }) => name.startsWith('Signature'))
    .map(({ name, inputs }) => [toFunctionSelector(`${name}(${inputs.map(({ type }) => type).join()})`), name]),
)

/** Compiled once a process: it takes seconds. */
let code: Hex | undefined

export async function openDifferentialChain(): Promise<DifferentialChain> {
  code ??= compileRuntime('contracts/differential/Differential.sol', 'Differential')
  const { client, close } = await startAnvil()
  const request = (method: string, ...params: readonly unknown[]): Promise<unknown> =>
    client.rpc.request({ method, params } as never)

  return {
    async judge({ chainId, verifyingContract: to }, kind, cases) {
      const packed = cases.flatMap(({ message, signature }) => [
        uintToBytes(BigInt(message.length)),
        message,
        uintToBytes(BigInt(signature.length)),
        padded(signature),
      ])
      const data = encodeFunctionData({ abi: judgeAbi, args: [kind, toHex(concatBytes(...packed))] })
      await request('anvil_setChainId', Number(chainId))
      const answer = (await request('eth_call', { to, data, gas: '0x1c9c380' }, 'latest', { [to]: { code } })) as string
      // offset 32 ‖ length 32 ‖ verdicts
      const words = (answer.slice(2 + 128).match(/.{64}/g) ?? []) as string[]
      if (words.length !== 2 * cases.length) throw new Error(`asked ${cases.length} cases, got ${answer.length} digits`)
      return cases.map((_, index) => ({
        digest: `0x${words[2 * index]}`,
        outcome: outcomeOf(words[2 * index + 1] as string),
      }))
    },
    close,
  }
}

function outcomeOf(word: string): string {
  if (word.startsWith('0'.repeat(24))) return `0x${word.slice(24)}`
  const selector = `0x${word.slice(0, 8)}`
  return errors.get(selector) ?? `an unknown error ${selector}`
}
