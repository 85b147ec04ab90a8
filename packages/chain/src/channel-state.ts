/**
 * What the chain says of a consumer channel: enough to know what it can still promise.
 *
 * @module
 */

import { consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { type Address, assert, type Hex } from '@myst/protocol'
import { type Abi, decodeFunctionResult, encodeFunctionData, prepareEncodeFunctionData } from 'viem'
import { type ChainClient, reach } from './chain-client.ts'

/** A channel and its consumer in one block. */
export interface ChannelAt {
  readonly balance: bigint
  readonly settled: bigint
  readonly deployed: boolean
  readonly held: bigint
  /** Block timestamp (s) at which an open exit matures; 0 where none is open. */
  readonly exitAtS: bigint
  readonly registered: boolean
}

/** The same figures twice: what raises a limit counts once `deep` has it, what lowers it as soon as `head` has it. */
export interface ChannelState {
  readonly head: ChannelAt
  readonly deep: ChannelAt
  readonly headTimestampS: bigint
  /** The number of the block that `deep` is of. */
  readonly deepBlock: bigint
}

export interface ChannelPlace {
  readonly token: Address
  readonly registry: Address
  readonly identity: Address
  readonly channel: Address
  /** From then on the token is there. */
  readonly deployedAtBlock: bigint
  /** Of `deep`; the head has depth 1. */
  readonly depth: number
}

/**
 * @throws Fault `chain-unreachable`, also where a node has lost its state and answers every call with nothing: a missing
 * token would else read as money that is gone.
 */
export function readChannel(client: ChainClient, place: ChannelPlace): Promise<ChannelState> {
  const { rpc, rpcUrl } = client
  const behind = BigInt(place.depth - 1)
  return reach(rpcUrl, async () => {
    const head = await rpc.getBlock({ blockTag: 'latest' })
    const headTimestampS = head.timestamp
    const now = await readAt(client, place, head)
    if (behind === 0n) return { head: now, deep: now, headTimestampS, deepBlock: head.number }
    const deep = await rpc.getBlock({ blockNumber: head.number > behind ? head.number - behind : 0n })
    return { head: now, deep: await readAt(client, place, deep), headTimestampS, deepBlock: deep.number }
  })
}

/**
 * The largest amount the channel can promise, in the less favourable of the two blocks.
 *
 * @param unpaidFee kept back for who is not registered yet.
 */
export function capacityOf({ head, deep }: Pick<ChannelState, 'head' | 'deep'>, unpaidFee: bigint): bigint {
  const [now, then] = [head, deep].map(({ balance, settled, registered }) => {
    const reserved = registered ? 0n : unpaidFee
    return settled + (balance > reserved ? balance - reserved : 0n)
  })
  assert(now !== undefined && then !== undefined, 'two blocks, two figures')
  return now < then ? now : then
}

/** Hashed once: a channel is looked at for every consumer, every few minutes. */
const settledCall = encodeFunctionData({ abi: consumerChannelAbi, functionName: 'settled' })
const heldCall = encodeFunctionData({ abi: consumerChannelAbi, functionName: 'held' })
const exitCall = encodeFunctionData({ abi: consumerChannelAbi, functionName: 'exit' })
const callAbout = (abi: Abi, functionName: string): ((address: Address) => Hex) => {
  const { functionName: selector } = prepareEncodeFunctionData({ abi, functionName })
  return (address) => `${selector}${address.slice(2).padStart(64, '0')}`
}
const balanceOfCall = callAbout(mystTokenAbi, 'balanceOf')
const isRegisteredCall = callAbout(registryAbi, 'isRegistered')

/** By the block's hash, so that all answers are of one block whatever the chain does meanwhile (EIP-1898). */
async function readAt(
  { rpc }: ChainClient,
  place: ChannelPlace,
  block: { number: bigint; hash: Hex },
): Promise<ChannelAt> {
  const { token, registry, identity, channel } = place
  const read = async (to: Address, data: Hex) => (await rpc.call({ to, data, blockHash: block.hash })).data
  const [balance, settled, held, exit, registered] = await Promise.all([
    read(token, balanceOfCall(channel)),
    read(channel, settledCall),
    read(channel, heldCall),
    read(channel, exitCall),
    read(registry, isRegisteredCall(identity)),
  ])
  if (balance === undefined && block.number >= place.deployedAtBlock) throw new Error('no token')
  // An address without code answers a call with nothing: the channel isn't deployed yet, and may hold money all the same.
  return {
    balance: BigInt(balance ?? 0),
    settled: BigInt(settled ?? 0),
    deployed: settled !== undefined,
    held: BigInt(held ?? 0),
    exitAtS:
      exit === undefined || /^0x0*$/.test(exit)
        ? 0n
        : decodeFunctionResult({ abi: consumerChannelAbi, functionName: 'exit', data: exit }).dueAt,
    registered: BigInt(registered ?? 0) !== 0n,
  }
}
