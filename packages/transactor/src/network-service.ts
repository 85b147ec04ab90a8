/**
 * One network of a transactor: its chain, its key, its books. Networks share the process and nothing else.
 *
 * @module
 */

import {
  createEndpoints,
  createOutbox,
  defaultOutboxOptions,
  type Endpoints,
  isWaitedOut,
  openChains,
  reach,
} from '@myst/chain'
import {
  type Address,
  type Bytes32,
  type Crypto,
  Fault,
  type NetworkProfile,
  type Quote,
  type TransactorCall,
  type TransactorState,
  type Verdict,
} from '@myst/protocol'
import { openSqliteStore } from '@myst/store'
import { type Carrier, type CarryRefusal, createCarrier } from './carrier.ts'
import { createDayBook } from './day-book.ts'
import { createFaucet, type FaucetRefusal, type Gift } from './faucet.ts'
import { createLater } from './later.ts'
import { createQuoter } from './quoter.ts'
import { createReverts } from './reverts.ts'
import { createRunner } from './runner.ts'
import { daysLeft, type NetworkStatus } from './status.ts'
import { worthOf } from './worth.ts'

export interface NetworkOptions {
  readonly profile: NetworkProfile
  /** Pays the gas and earns the fees. */
  readonly key: Uint8Array
  /** MYST base units for one unit of the chain's coin. */
  readonly mystPerNative: bigint
  /** The database of this network and key. */
  readonly storePath: string
  /** Gas that may be lost in a day to transactions that bring no fee, in the chain's smallest unit. */
  readonly maxLostPerDay: bigint
  /** Gas that may be paid in a day for calls whose fee comes days later. */
  readonly maxAdvancedPerDay: bigint
  /** Registrations without a fee: so many a day. Absent: none. */
  readonly sponsor?: { readonly perDay: number; readonly perAddressPerDay: number } | undefined
  /** Test networks only. */
  readonly faucet?: { readonly amount: bigint; readonly perDay: number; readonly perAddressPerDay: number } | undefined
  readonly pollingMs: number
  readonly retryMs: number
  readonly answerWithinMs: number
  /** Fees that come later, and what is left of the gas, are looked at so often. */
  readonly lookEveryMs: number
  readonly stuckAfterBlocks: number
  readonly voidAfterBlocks: number
}

/** A tenth of a coin: some twenty reverts at 100 gwei, more where gas is cheaper. */
const lostPerDay = 10n ** 17n

export const defaultNetworkOptions = {
  maxLostPerDay: lostPerDay,
  maxAdvancedPerDay: 5n * lostPerDay,
  pollingMs: 1_000,
  retryMs: 2_000,
  // A client waits 90 s for an answer.
  answerWithinMs: 60_000,
  lookEveryMs: 60_000,
  ...defaultOutboxOptions,
} as const

export interface NetworkService {
  readonly networkId: string
  readonly address: Address
  quote(call: TransactorCall): Promise<Quote>
  carry: Carrier['carry']
  stateOf(id: Bytes32): TransactorState | undefined
  give(to: Address, address: string): Promise<Verdict<FaucetRefusal, Gift>>
  status(): Promise<NetworkStatus>
  counts: Carrier['counts']
  hurry: Carrier['hurry']
  close(): Promise<void>
}

export interface NetworkDeps {
  readonly crypto: Crypto
  readonly now: () => number
  readonly log: (line: string) => void
}

export type { CarryRefusal, FaucetRefusal }

/** With less than a week of gas left there is time to send some. */
const lowBelowDays = 7
/** Of the largest call: who has never spent anything is warned by this. */
const lowBelowCalls = 50n
const largestCallGas = 300_000n

/** @throws Fault `config-invalid`, `faucet-not-test-network`, those of the store. A chain that is away is waited for. */
export async function openNetwork(deps: NetworkDeps, options: NetworkOptions): Promise<NetworkService> {
  const { crypto, now } = deps
  const { profile } = options
  const { networkId } = profile
  if (options.mystPerNative < 1n) throw new Fault('config-invalid', { name: 'mystPerNative', wanted: 'at least 1' })
  const log = (line: string) => deps.log(`${networkId}: ${line}`)
  const faults = faultCounter(log)
  if (profile.rpcUrls.length === 0) throw new Fault('config-invalid', { name: 'rpcUrls', wanted: 'at least one' })
  const clients = openChains(profile.rpcUrls, { chainId: profile.chainId, pollingMs: options.pollingMs })
  const endpoints = createEndpoints(clients, { onFault: faults.note })
  const store = openSqliteStore(options.storePath)

  const dayBook = createDayBook(store, now)
  const runner = createRunner(
    {
      endpoints,
      store,
      dayBook,
      now,
      onFault: faults.note,
      openOutbox: (hooks) =>
        createOutbox(
          { endpoints, now, ...hooks, onFault: faults.note },
          {
            key: options.key,
            depth: profile.confirmationDepth,
            stuckAfterBlocks: options.stuckAfterBlocks,
            voidAfterBlocks: options.voidAfterBlocks,
          },
        ),
    },
    { maxLostPerDay: options.maxLostPerDay, retryMs: options.retryMs },
  )
  const { outbox } = runner
  const { address } = outbox
  const quoter = createQuoter({ endpoints, store, now }, { transactor: address, mystPerNative: options.mystPerNative })
  const { nativeOf } = quoter
  const later = createLater({ crypto, endpoints, store, runner: () => runner, nativeOf, now, onFault: faults.note })
  const carrier = createCarrier(
    {
      crypto,
      store,
      runner,
      quoter,
      dayBook,
      reverts: createReverts(store, now),
      later,
      worthOf: (signed) => worthOf({ crypto, endpoints }, profile, signed),
      now,
    },
    {
      network: profile,
      accountants: profile.accountants.map((accountant) => accountant.address),
      maxLostPerDay: options.maxLostPerDay,
      maxAdvancedPerDay: options.maxAdvancedPerDay,
      sponsor: options.sponsor,
      answerWithinMs: options.answerWithinMs,
    },
  )
  const faucet =
    options.faucet === undefined
      ? undefined
      : createFaucet(
          { crypto, endpoints, store, runner, quoter, dayBook, now },
          { token: profile.contracts.token, maxLostPerDay: options.maxLostPerDay, ...options.faucet },
        )

  const close = async () => {
    clearInterval(timer)
    await looking
    await runner.close()
    store.close()
  }
  let wasLow = false
  let looking: Promise<void> = Promise.resolve()
  const lookAround = async () => {
    await later.look()
    const { gas } = await status()
    if (gas.low && !wasLow) log(`gas is running low: ${gas.balance} left for ${address}`)
    wasLow = gas.low
  }
  const timer = setInterval(() => {
    looking = looking.then(lookAround)
  }, options.lookEveryMs)
  timer.unref()

  async function status(): Promise<NetworkStatus> {
    const chain = await readGas(endpoints, address).catch((fault: Fault) => faults.note(fault))
    const [today, yesterday] = [dayBook.today(), dayBook.yesterday()]
    const left = chain && daysLeft(chain.balance, today.spent, yesterday.spent)
    const low =
      chain !== undefined &&
      ((left !== undefined && left < lowBelowDays) || chain.balance < lowBelowCalls * largestCallGas * chain.price)
    const underway = outbox.underway()
    const { away, disagreements } = endpoints.health()
    return {
      networkId,
      chainId: String(profile.chainId),
      transactor: address,
      chain: {
        reachable: chain !== undefined,
        endpoints: endpoints.size,
        ...{ endpointsAway: away, disagreements },
        head: chain && String(chain.head),
        faults: faults.count(),
      },
      gas: {
        balance: chain && String(chain.balance),
        price: chain && String(chain.price),
        daysLeft: left,
        low,
        spentToday: String(today.spent),
        lostToday: String(today.lost),
        maxLostPerDay: String(options.maxLostPerDay),
        advancedToday: String(today.advanced),
        maxAdvancedPerDay: String(options.maxAdvancedPerDay),
      },
      queue: { waiting: runner.waiting(), underway: underway.length, feesToCome: later.size() },
      outbox: outbox.counts(),
      sponsoredLeftToday: Math.max(0, (options.sponsor?.perDay ?? 0) - today.sponsored),
      giftsLeftToday: faucet?.leftToday() ?? 0,
    }
  }

  try {
    // A faucet where MYST is worth something must not even start; while the chain is away it gives nothing.
    await faucet?.check().catch((fault: Fault) => {
      if (!isWaitedOut(fault)) throw fault
      faults.note(fault)
    })
    looking = later.look()
  } catch (fault) {
    await close()
    throw fault
  }

  return {
    networkId,
    address,
    quote: quoter.quote,
    carry: carrier.carry,
    stateOf: (id) => carrier.stateOf(id) ?? faucet?.stateOf(id),
    give: async (to, who) => faucet?.give(to, who) ?? { ok: false, refusal: { code: 'faucet-off' } },
    status,
    counts: carrier.counts,
    hurry: carrier.hurry,
    close,
  }
}

/** The least of what is left, the most of what it costs: nobody is told too late that gas runs low. */
async function readGas(endpoints: Endpoints, address: Address) {
  const answers = await endpoints.ask(({ rpc, rpcUrl }) =>
    reach(rpcUrl, async () => {
      const [head, balance, price] = await Promise.all([
        rpc.getBlockNumber(),
        rpc.getBalance({ address }),
        rpc.getGasPrice(),
      ])
      return { head, balance, price }
    }),
  )
  return answers
    .map(({ value }) => value)
    .reduce((worst, one) => ({
      head: one.head < worst.head ? one.head : worst.head,
      balance: one.balance < worst.balance ? one.balance : worst.balance,
      price: one.price > worst.price ? one.price : worst.price,
    }))
}

/** A chain that is away says so every second: the log hears it once, and when it changes. */
function faultCounter(log: (line: string) => void) {
  let count = 0
  let last = ''
  return {
    note(fault: Fault): undefined {
      count++
      const line = fault.message
      if (line !== last) log(line)
      last = line
    },
    count: () => count,
  }
}
