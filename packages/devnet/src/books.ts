/**
 * The books: what everybody says of the money, next to what the chain shows, to the wei.
 *
 * @module
 */

import { reach } from '@myst/chain'
import { consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { type Address, type Crypto, channelAddress } from '@myst/protocol'
import { registrationFee } from './contracts.ts'
import type { Devnet, Person } from './network.ts'
import type { HomeName } from './place.ts'

export interface ConsumerBook {
  readonly toppedUp: bigint
  readonly spent: bigint
  /** Still on the channel when all that was promised is settled. */
  readonly left: bigint
  readonly collected: bigint
  readonly promises: number
  readonly registrationFee: bigint
  readonly transactorFee: bigint
}

export interface ProviderBook {
  readonly credited: bigint
  readonly settled: bigint
  readonly inFlight: bigint
  readonly accountantFees: bigint
  readonly settlementFees: bigint
  readonly wallet: bigint
  readonly batches: number
  /** Credited by the accountant. */
  readonly promises: number
}

export interface Books {
  readonly consumers: Readonly<Record<'alice' | 'erin', ConsumerBook>>
  readonly providers: Readonly<Record<'bob' | 'dan', ProviderBook>>
  readonly spent: bigint
  readonly credited: bigint
  readonly accountantFees: bigint
  readonly inFlight: bigint
  readonly transactorFees: bigint
  readonly registrationFees: bigint
  readonly promises: number
  readonly batches: number
  /** What does not add up; empty when all of it does. */
  readonly imbalances: readonly string[]
}

/** All of a reading is of one block: a collection in between would belong to one figure and not to the other. */
interface ChainView {
  readonly devnet: Devnet
  readonly crypto: Crypto
  readonly blockNumber: bigint
}

/** What each consumer was topped up with, which only the devnet knows. */
export type TopUps = Readonly<Record<'alice' | 'erin', bigint>>

export async function readBooks(crypto: Crypto, devnet: Devnet, topUps: TopUps): Promise<Books> {
  const { people, chain } = devnet
  const blockNumber = await reach(chain.rpcUrl, () => chain.rpc.getBlockNumber({ cacheTime: 0 }))
  const view = { devnet, crypto, blockNumber }
  const [alice, erin, bob, dan, hub] = await Promise.all([
    readConsumer(view, people.alice, topUps.alice),
    readConsumer(view, people.erin, topUps.erin),
    readProvider(view, people.bob),
    readProvider(view, people.dan),
    readHub(view),
  ])
  const consumers = { alice, erin }
  const providers = { bob, dan }
  const sum = <T>(books: readonly T[], of: (book: T) => bigint) => books.reduce((total, book) => total + of(book), 0n)
  const paid = [alice, erin]
  const earned = [bob, dan]
  const spent = sum(paid, (book) => book.spent)
  const credited = sum(earned, (book) => book.credited)
  const accountantFees = sum(earned, (book) => book.accountantFees)
  const inFlight = sum(earned, (book) => book.inFlight)
  const settled = sum(earned, (book) => book.settled)
  const settlementFees = sum(earned, (book) => book.settlementFees)
  const transactorFees = sum(paid, (book) => book.transactorFee) + settlementFees
  const collected = sum(paid, (book) => book.collected)

  const imbalances: string[] = []
  const same = (what: string, a: bigint, b: bigint) => {
    if (a !== b) imbalances.push(`${what}: ${a} and ${b} differ by ${a - b}`)
  }
  same('spent = credited + accountant fees + in flight', spent, credited + accountantFees + inFlight)
  same('credited, by the providers and by the accountant', credited, hub.credited)
  same('fees, by the providers and by the accountant', accountantFees, hub.fees)
  same('promises credited, by the providers and by the accountant', BigInt(bob.promises + dan.promises), hub.promises)
  same('settled = wallets + settlement fees', settled, sum(earned, (book) => book.wallet) + settlementFees)
  same('accountant contract', hub.balance, hub.startBalance + collected - settled)
  same('transactor wallet', hub.transactorWallet, transactorFees)
  for (const [name, book] of Object.entries(consumers)) {
    const taken = book.collected + book.registrationFee + book.transactorFee
    const { balance } = await channelOf(view, people[name as HomeName].identity)
    same(`${name}: topped up = channel + collected + registration`, book.toppedUp, balance + taken)
  }
  return {
    consumers,
    providers,
    spent,
    credited,
    accountantFees,
    inFlight,
    transactorFees,
    registrationFees: sum(paid, (book) => book.registrationFee),
    promises: alice.promises + erin.promises,
    batches: bob.batches + dan.batches,
    imbalances,
  }
}

async function readConsumer(view: ChainView, person: Person, toppedUp: bigint): Promise<ConsumerBook> {
  const { devnet, blockNumber } = view
  const { consumer } = await person.api.status()
  const { settled } = await channelOf(view, person.identity)
  const { rpc, rpcUrl } = devnet.chain
  const [event] = await reach(rpcUrl, () =>
    rpc.getContractEvents({
      address: devnet.profile.contracts.registry,
      abi: registryAbi,
      eventName: 'IdentityRegistered',
      args: { identity: person.identity },
      fromBlock: devnet.profile.deployedAtBlock,
      toBlock: blockNumber,
      strict: true,
    }),
  )
  const spent = BigInt(consumer.spent)
  const registered = event === undefined ? 0n : registrationFee
  const transactorFee = event?.args.fee ?? 0n
  const left = toppedUp - registered - transactorFee - spent
  return {
    toppedUp,
    spent,
    left,
    collected: settled,
    promises: consumer.promises,
    registrationFee: registered,
    transactorFee,
  }
}

async function readProvider(view: ChainView, person: Person): Promise<ProviderBook> {
  const [{ provider }, wallet] = await Promise.all([person.api.status(), balanceOf(view, person.identity)])
  return {
    credited: BigInt(provider.credited),
    settled: BigInt(provider.settled),
    inFlight: BigInt(provider.inFlight),
    accountantFees: BigInt(provider.accountantFees),
    settlementFees: BigInt(provider.transactorFees),
    wallet,
    batches: provider.batches,
    promises: provider.promises,
  }
}

/** The accountant's own figures, and what its contract and the transactor hold. */
async function readHub(view: ChainView) {
  const { devnet } = view
  const { accountant, startBalance, transactor } = devnet.contracts
  const [report, balance, transactorWallet] = await Promise.all([
    devnet.accountantStatus(),
    balanceOf(view, accountant),
    balanceOf(view, transactor),
  ])
  return {
    credited: BigInt(report.credited),
    fees: BigInt(report.fees),
    promises: BigInt(report.promises),
    balance,
    startBalance,
    transactorWallet,
  }
}

function balanceOf({ devnet: { chain, profile }, blockNumber }: ChainView, of: Address): Promise<bigint> {
  const { token } = profile.contracts
  return reach(chain.rpcUrl, () =>
    chain.rpc.readContract({ address: token, abi: mystTokenAbi, functionName: 'balanceOf', args: [of], blockNumber }),
  )
}

async function channelOf(view: ChainView, identity: Address) {
  const { devnet, crypto, blockNumber } = view
  const { chain, profile, contracts } = devnet
  const channel = channelAddress(crypto, profile.contracts, identity, contracts.accountant)
  const code = await reach(chain.rpcUrl, () => chain.rpc.getCode({ address: channel, blockNumber }))
  const settled =
    code === undefined
      ? 0n
      : await reach(chain.rpcUrl, () =>
          chain.rpc.readContract({ address: channel, abi: consumerChannelAbi, functionName: 'settled', blockNumber }),
        )
  return { balance: await balanceOf(view, channel), settled, deployed: code !== undefined }
}
