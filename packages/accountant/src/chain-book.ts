/**
 * Chain book: what the accountant's contract and its channels hold, all of one block at the confirmation depth.
 *
 * It follows events, so that a look costs some calls and not one for each provider and channel: who is not named in any
 * event since the last look is as it was. What channels have paid is kept on disk.
 *
 * @module
 */

import { type ChainClient, reach, readEvents } from '@myst/chain'
import { accountantAbi, consumerChannelAbi, mystTokenAbi } from '@myst/contracts'
import { type Address, Fault, field, type Hex, message, type NetworkProfile, uint } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'

export interface Block {
  readonly number: bigint
  readonly hash: Hex
  readonly timestampS: bigint
}

export interface ChainFigures {
  readonly block: Block
  /** MYST on the contract's address. */
  readonly balance: bigint
  readonly freeFunds: bigint
  readonly operatorStake: bigint
  readonly reserve: bigint
  readonly totalStake: bigint
  readonly totalGuarantee: bigint
  /** Block time, s; 0: no punishment. */
  readonly punishedSinceS: bigint
  readonly shortProviders: bigint
  /** Amount 0: none is announced. */
  readonly withdrawal: { readonly amount: bigint; readonly dueAtS: bigint }
  /** Of the operator, in the chain's coin. */
  readonly gasBalance: bigint
  readonly gasPrice: bigint
}

export interface ProviderAt {
  readonly settled: bigint
  readonly stake: bigint
  readonly guarantee: bigint
  readonly shortSinceS: bigint
  readonly scheduledPayouts: boolean
}

export interface ChainBook {
  /**
   * Looks at the newest block at depth.
   *
   * @param providers whose accounts are wanted besides those that are known.
   * @throws Fault `chain-unreachable`, `chain-wrong-id`: what was seen before stays.
   */
  look(providers: readonly Address[]): Promise<ChainFigures>
  /** As of the last look. */
  provider(of: Address): ProviderAt | undefined
  lacking(): readonly (readonly [Address, ProviderAt])[]
  /** What this channel has paid us, as of the last look. */
  settledOf(channel: Address): bigint
  /** Looks anew at it next time: a transaction of ours changed it. */
  forget(provider: Address): void
}

export interface ChainBookDeps {
  readonly client: ChainClient
  readonly store: RecordStore
  /** Anybody can make an event; only those of channels that we know count. */
  isOurs(channel: Address): boolean
}

/** Calls of one HTTP request. */
const maxAtOnce = 100
const settledTable = table('settled', message({ settled: field(0, uint(256)) }))
/** The block after the last one that was read; under `next`. */
const readTable = table('settled-read', message({ nextBlock: field(0, uint(64)) }))

export function createChainBook(
  { client, store, isOurs }: ChainBookDeps,
  profile: NetworkProfile,
  options: { readonly accountant: Address; readonly operator: Address },
): ChainBook {
  const { rpc, rpcUrl } = client
  const { accountant } = options
  const settled = new Map<string, bigint>([...settledTable.load(store)].map(([channel, of]) => [channel, of.settled]))
  let nextBlock = readTable.load(store).get('next')?.nextBlock ?? profile.deployedAtBlock
  const providers = new Map<Address, ProviderAt>()
  const outdated = new Set<Address>()
  let last: Block | undefined

  async function blockAtDepth(): Promise<Block> {
    const [served, head] = await Promise.all([rpc.getChainId(), rpc.getBlockNumber()])
    if (BigInt(served) !== client.chainId) throw new Fault('chain-wrong-id', { rpcUrl, served })
    const deep = head - BigInt(profile.confirmationDepth - 1)
    const { number, hash, timestamp } = await rpc.getBlock({ blockNumber: deep < 0n ? 0n : deep })
    return { number, hash, timestampS: timestamp }
  }

  /** Nothing that was read of the last block holds where it was taken back. */
  async function checkLast(): Promise<void> {
    if (last === undefined) return
    const { hash } = await rpc.getBlock({ blockNumber: last.number })
    if (hash === last.hash) return
    for (const provider of providers.keys()) outdated.add(provider)
    store.commit([...[...settled.keys()].map(settledTable.remove), readTable.remove('next')])
    settled.clear()
    nextBlock = profile.deployedAtBlock
    last = undefined
  }

  async function followChannels(toBlock: bigint): Promise<void> {
    const of = { abi: consumerChannelAbi, event: 'Settled', fromBlock: nextBlock, toBlock } as const
    for await (const { events, nextBlock: next } of readEvents(client, of)) {
      const news = new Map<string, bigint>()
      for (const { address, args } of events) {
        const channel = address.toLowerCase() as Address
        if (isOurs(channel)) news.set(channel, args.settled)
      }
      nextBlock = next
      // A quiet range is read again after a restart.
      if (news.size === 0) continue
      store.commit([
        ...[...news].map(([channel, amount]) => settledTable.put(channel, { settled: amount })),
        readTable.put('next', { nextBlock }),
      ])
      for (const [channel, amount] of news) settled.set(channel, amount)
    }
  }

  async function followProviders(toBlock: bigint): Promise<void> {
    if (last === undefined) return
    const of = { address: accountant, abi: accountantAbi, fromBlock: last.number + 1n, toBlock }
    for await (const { events } of readEvents(client, of)) {
      for (const { args } of events as readonly { readonly args?: { readonly provider?: Address } }[]) {
        const provider = args?.provider?.toLowerCase() as Address | undefined
        if (provider !== undefined) outdated.add(provider)
      }
    }
  }

  const at = ({ number }: Block) => ({ address: accountant, abi: accountantAbi, blockNumber: number }) as const

  async function readProviders(block: Block): Promise<void> {
    const wanted = [...outdated]
    for (let from = 0; from < wanted.length; from += maxAtOnce) {
      const some = wanted.slice(from, from + maxAtOnce)
      const found = await Promise.all(
        some.map((of) => rpc.readContract({ ...at(block), functionName: 'providerOf', args: [of] })),
      )
      for (const [index, of] of some.entries()) {
        const { settled: paid, stake, guarantee, shortSince, scheduledPayouts } = found[index] as (typeof found)[number]
        providers.set(of, { settled: paid, stake, guarantee, shortSinceS: shortSince, scheduledPayouts })
        outdated.delete(of)
      }
    }
  }

  async function readFigures(block: Block): Promise<ChainFigures> {
    const { number: blockNumber } = block
    const read = <
      N extends
        | 'freeFunds'
        | 'operatorStake'
        | 'reserve'
        | 'totalStake'
        | 'totalGuarantee'
        | 'punishedSince'
        | 'shortProviders',
    >(
      functionName: N,
    ) => rpc.readContract({ ...at(block), functionName }) as Promise<bigint>
    const [freeFunds, operatorStake, reserve, totalStake, totalGuarantee, punishedSinceS, shortProviders] =
      await Promise.all([
        read('freeFunds'),
        read('operatorStake'),
        read('reserve'),
        read('totalStake'),
        read('totalGuarantee'),
        read('punishedSince'),
        read('shortProviders'),
      ])
    const [balance, withdrawal, gasBalance, gasPrice] = await Promise.all([
      rpc.readContract({
        address: profile.contracts.token,
        abi: mystTokenAbi,
        functionName: 'balanceOf',
        args: [accountant],
        blockNumber,
      }),
      rpc.readContract({ ...at(block), functionName: 'pendingWithdrawal' }),
      rpc.getBalance({ address: options.operator }),
      rpc.getGasPrice(),
    ])
    return {
      block,
      balance,
      freeFunds,
      operatorStake,
      reserve,
      totalStake,
      totalGuarantee,
      punishedSinceS,
      shortProviders,
      withdrawal: { amount: withdrawal.amount, dueAtS: BigInt(withdrawal.dueAt) },
      gasBalance,
      gasPrice,
    }
  }

  /** The block's hash again at the end: all that was read by its number was of that block. */
  async function requireSame({ number, hash }: Block): Promise<void> {
    const again = await rpc.getBlock({ blockNumber: number })
    if (again.hash !== hash) throw new Fault('chain-unreachable', { rpcUrl, why: 'the block was taken back' })
  }

  return {
    look: (wanted) =>
      reach(rpcUrl, async () => {
        const block = await blockAtDepth()
        await checkLast()
        await followChannels(block.number)
        await followProviders(block.number)
        for (const provider of wanted) if (!providers.has(provider)) outdated.add(provider)
        await readProviders(block)
        const figures = await readFigures(block)
        await requireSame(block)
        last = block
        return figures
      }),
    provider: (of) => providers.get(of),
    lacking: () => [...providers].filter(([, { stake, guarantee }]) => guarantee < stake),
    settledOf: (channel) => settled.get(channel) ?? 0n,
    forget: (provider) => outdated.add(provider),
  }
}
