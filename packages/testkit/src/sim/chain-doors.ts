/**
 * The model chain as the programs see it: the RPC calls of a chain client, and the accountant's sender.
 *
 * @module
 */

import type { Transactions } from '@myst/accountant/parts'
import { type ChainClient, capacityOf } from '@myst/chain'
import { consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { type Address, Fault, fromHex, type Hex, type NetworkProfile, type SignedPromise } from '@myst/protocol'
import { type Abi, type AbiFunction, toFunctionSelector } from 'viem'
import { type ChainCrypto, calls, emptyChannel, type ModelChain } from './model-chain.ts'
import type { Process } from './virtual-time.ts'

const selectorOf = (abi: Abi, name: string) =>
  toFunctionSelector(
    abi.find((item): item is AbiFunction => item.type === 'function' && item.name === name) as AbiFunction,
  )
const selectors = {
  balanceOf: selectorOf(mystTokenAbi, 'balanceOf'),
  settled: selectorOf(consumerChannelAbi, 'settled'),
  held: selectorOf(consumerChannelAbi, 'held'),
  exit: selectorOf(consumerChannelAbi, 'exit'),
  isRegistered: selectorOf(registryAbi, 'isRegistered'),
}
const word = (value: bigint) => value.toString(16).padStart(64, '0')
const words = (...values: readonly bigint[]) => `0x${values.map(word).join('')}` as Hex

/** Every channel is deployed and its consumer registered: what comes before that moves no promise. */
export function chainClientOf(chain: ModelChain): ChainClient {
  const requireThere = () => {
    if (chain.away) throw new Error('the chain is away')
  }
  const rpc = {
    async getBlock({ blockNumber }: { readonly blockNumber?: bigint }) {
      requireThere()
      const { number, hash, timestampS } = blockNumber === undefined ? chain.head : chain.byNumber(blockNumber)
      return { number, hash, timestamp: timestampS }
    },
    async call({ to, data, blockHash }: { readonly to: Address; readonly data: string; readonly blockHash: string }) {
      requireThere()
      const block = chain.byHash(blockHash)
      if (block === undefined) throw new Error('no such block')
      const selector = data.slice(0, 10)
      const about = selector === selectors.balanceOf ? (`0x${data.slice(-40)}` as Address) : to
      const { balance, settled, held, exitAtS } = block.state.channels.get(about) ?? emptyChannel(about)
      switch (selector) {
        case selectors.balanceOf:
          return { data: words(balance) }
        case selectors.settled:
          return { data: words(settled) }
        case selectors.held:
          return { data: words(held) }
        case selectors.exit:
          return { data: words(exitAtS, 0n, 0n, 0n) }
        default:
          return { data: words(1n) }
      }
    },
  }
  return { rpc: rpc as never, rpcUrl: 'model:', chainId: 1n }
}

/** What a consumer's own view of the chain says its channel can promise. */
export function capacityAt(chain: ModelChain, channel: Address): bigint {
  const look = (depth: number) => {
    const of = chain.at(depth).state.channels.get(channel) ?? emptyChannel(channel)
    return {
      balance: of.balance,
      settled: of.settled,
      held: of.held,
      exitAtS: of.exitAtS,
      deployed: true,
      registered: true,
    }
  }
  return capacityOf({ head: look(1), deep: look(chain.finality) }, 0n)
}

/**
 * Brings what the accountant sends on chain; two of one name are never under way at once. `promiseOf` finds the promise that a
 * signature is of: calldata has but its hash.
 */
export function transactionsOf(
  chain: ModelChain,
  of: ChainCrypto,
  process: Process,
  promiseOf: (signature: string) => SignedPromise | undefined,
): Pick<Transactions, 'send'> {
  const underway = new Map<string, Promise<void>>()

  async function bring({ to, name, args }: Call): Promise<void> {
    if (chain.away) throw new Fault('chain-unreachable')
    if (name === 'hold') {
      const signed = promiseOf(args[3] as string)
      const outcome = signed && (await chain.send(process, calls.hold(of, to, signed)))
      if (outcome !== 'ok') throw new Fault('transaction-reverted', { error: outcome })
      return
    }
    const claims = args[0] as readonly { channel: Address; preimage: `0x${string}`; signature: string }[]
    // One that fails is skipped there, in its own call.
    await Promise.all(
      claims.map(({ channel, preimage, signature }) => {
        const signed = promiseOf(signature)
        return signed && chain.send(process, calls.settleChannel(of, channel, signed, fromHex(preimage)))
      }),
    )
  }

  return {
    send(name, call) {
      const known = underway.get(name)
      const sent = known ?? bring(call as never).finally(() => underway.delete(name))
      underway.set(name, sent)
      return sent
    },
  }
}

interface Call {
  readonly to: Address
  readonly name: string
  readonly args: readonly unknown[]
}

/** One network, with one accountant. */
export function profileOf(accountant: Address, operator: Address, finality: number): NetworkProfile {
  const address = (digit: string) => `0x${digit.repeat(40)}` as Address
  return {
    networkId: 'devnet',
    chainId: 31337n,
    rpcUrls: ['http://127.0.0.1:8545'],
    contracts: { token: address('1'), registry: address('2'), channelImplementation: address('3') },
    deployedAtBlock: 0n,
    confirmationDepth: finality,
    accountants: [{ address: accountant, operator, url: 'http://127.0.0.1:4060' }],
    transactorUrls: ['http://127.0.0.1:4070'],
    bootstrap: [],
    stunServers: [],
    exit: { publicRanges: [], publicEndpoints: [] },
    priceScale: 1n,
  }
}
