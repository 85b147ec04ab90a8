/**
 * A node: adapters meet ports here.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import {
  type AccountantInfo,
  adoptShown,
  type Clock,
  createAccountantClient,
  deriveKeys,
  hasExchanged,
  openPayerBook,
  type PaymentPolicy,
  paymentPolicy,
  type SpendingLimits,
  systemClock,
} from '@myst/billing'
import { createDiscoveryClient, type PublishedProposal, type SignOffer } from '@myst/discovery'
import { createHyperdhtNode, type Link, type LinkNode } from '@myst/link'
import {
  type Crypto,
  channelAddress,
  Fault,
  maxUint256,
  minOf,
  type NetworkProfile,
  type Price,
  type Proposal,
  proposalLifetimeMs,
  signProposal,
  zeroAddress,
} from '@myst/protocol'
import { openSqliteStore, type RecordStore } from '@myst/store'
import { type ConsumerDriver, createExitPolicy, type Offer, type ProviderDriver } from '@myst/vpn'
import { watchChain } from './chain-watch.ts'
import { type Connection, createConnection } from './consumer/connection.ts'
import { type Debtor, moneyLeft, sharedLimits } from './consumer/money-left.ts'
import { createFundsReader, type Funds } from './funds.ts'
import { changeBeneficiary, readBeneficiary, requireOwnable } from './leaving/beneficiary.ts'
import { createChannelExit } from './leaving/channel-exit.ts'
import { createLeaving } from './leaving/leave.ts'
import { stepStakeReturn } from './leaving/stake-return.ts'
import { viewErrand, viewLeaving } from './leaving/views.ts'
import type { ConnectRequest, NodeCore, ProposalFilter, ProposalView, ServiceOffer, ServiceView } from './node-core.ts'
import { createOwnWallet } from './own-wallet.ts'
import { atMost } from './patient.ts'
import { createDesks } from './provider/desks.ts'
import { createProvider, type OfferedService } from './provider/provider.ts'
import { registerIdentity } from './registration.ts'
import { watchAllowance } from './settlement/allowance.ts'
import { type SettlementConfig, settlementOptions } from './settlement/config.ts'
import { createPayouts } from './settlement/payouts.ts'
import { type AccountEarnings, createSettler } from './settlement/settler.ts'
import { alarmOf, viewEarnings, viewPreview, viewSettlement } from './settlement/views.ts'
import { createTransactorClient } from './transactor-client.ts'
import { withAny } from './transactors.ts'
import { findTunnelPath, offerTunnelPath } from './tunnel-path.ts'

export interface NodeOptions {
  readonly profile: NetworkProfile
  readonly privateKey: Uint8Array
  readonly dataDir: string
  /** Which of this machine's addresses the node uses, and its link's UDP port; the system chooses where absent. */
  readonly bind?: { readonly host: string; readonly port: number }
  readonly policy?: Partial<PaymentPolicy>
  /** As a consumer; absent: what the channel holds. */
  readonly spending?: SpendingLimits
  readonly settlement?: Partial<SettlementConfig>
  readonly providerDrivers: readonly ProviderDriver[]
  readonly consumerDrivers: readonly ConsumerDriver[]
  readonly crypto: Crypto
  readonly log: (line: string) => void
  /** Called after every change that a person would see. */
  readonly onChange?: () => void
}

/** A status shows what the chain said lately, and does not wait for one that hangs. */
const statusMaxAgeMs = 1_000
const statusPatienceMs = 3_000
/** What is on its way is on disk, and followed by the next start. */
const closePatienceMs = 1_000
/** Before the chain was ever asked; the status says so. */
const unknownFunds: Funds = { balance: 0n, settled: 0n, registered: false, capacity: 0n }

/** Sessions opened on a proposal that was just refreshed are still served at its price. */
const keptPrices = 4

interface Service extends OfferedService {
  readonly offered: Required<ServiceOffer>
  readonly offer: Offer
  readonly prices: Map<bigint, Price>
  published?: PublishedProposal
}

export async function createNode(options: NodeOptions): Promise<NodeCore> {
  const { profile, crypto, log } = options
  const clock: Clock = systemClock
  const changed = options.onChange ?? (() => {})
  const keys = deriveKeys(crypto, options.privateKey)
  const policy = paymentPolicy(profile.priceScale, options.policy)
  const own = servicesOf(profile)
  const { accountant } = own
  const channel = channelAddress(crypto, profile.contracts, keys.identity, accountant.address)
  const domain = { chainId: profile.chainId, verifyingContract: accountant.address }

  const store: RecordStore = openSqliteStore(`${options.dataDir}/node.db`)
  const chain = await watchChain({ rpcUrl: own.rpcUrl, chainId: profile.chainId }, changed, log)
  const { client } = chain
  const wallet = createOwnWallet(crypto, client, profile.contracts, keys.privateKey)
  const transactors = [...profile.transactorUrls.map(createTransactorClient), wallet.transactor]
  const accountantClient = createAccountantClient({ crypto, clock }, keys, domain, accountant)
  const spending = options.spending ?? {}
  const book = openPayerBook(
    crypto,
    store,
    keys,
    { chainId: profile.chainId, channel },
    { limits: spending, nowMs: clock.nowMs },
  )
  const channels = new Map(profile.accountants.map((info) => [info.address, channelExitOf(info)]))
  const reserved = () => channels.get(accountant.address)?.reserved ?? 0n
  const funds = createFundsReader({ client, clock, reserved }, profile, { identity: keys.identity, channel })

  function channelExitOf(info: AccountantInfo) {
    const at = { chainId: profile.chainId, verifyingContract: info.address }
    const isOurs = info.address === accountant.address
    return createChannelExit(
      {
        crypto,
        clock,
        store,
        client,
        wallet,
        transactors,
        accountant: isOurs ? accountantClient : createAccountantClient({ crypto, clock }, keys, at, info),
        promised: () => (isOurs ? book.amount : 0n),
        log,
      },
      { keys, profile, accountant: info.address },
    )
  }

  const linkNode: LinkNode = createHyperdhtNode({
    bootstrap: [...profile.bootstrap],
    seed: keys.transportSeed,
    ...(options.bind === undefined ? {} : { bind: options.bind }),
    ...(isLab(profile) ? { mayDial: () => true } : {}),
  })
  const discovery = createDiscoveryClient({ node: linkNode, crypto }, { networkId: profile.networkId, ephemeral: true })

  const services = new Map<string, Service>()
  const connections = new Map<string, Connection>()
  const debtors = new Set<Debtor>()
  let listening: Promise<void> | undefined

  const desks = createDesks(
    { crypto, clock, store, client, onOutcomes: (outcomes) => provider.credited(outcomes), log },
    { keys, profile, policy },
  )
  const settlement = settlementOptions(profile.priceScale, options.settlement)
  const settler = createSettler(
    { crypto, clock, store, client, transactors, sources: desks.sources, onChange: changed, log },
    { keys, profile, ...settlement },
  )
  const mayEarn = watchAllowance({ earnings: settler.earnings, clock, log }, settlement.policy.allowance)

  const payouts = createPayouts({ crypto, clock, client }, { keys, profile })
  const leaving = createLeaving(
    {
      clock,
      store,
      client,
      wallet,
      settler,
      channels,
      stepStake: (at) => stepStakeReturn({ crypto, clock, client, wallet, transactors, log }, keys, at),
      endBusiness,
      onChange: changed,
      log,
    },
    { keys, profile },
  )

  /** Whoever leaves ends what runs; accountants are asked for what they still owe where there is any. */
  async function endBusiness(): Promise<void> {
    await Promise.all([...connections.values()].map((connection) => connection.disconnect()))
    connections.clear()
    for (const serviceType of [...services.keys()]) await endService(serviceType)
    if (!hasExchanged(store)) return
    await desks.openAll()
    await desks.flush()
  }

  const provider = createProvider(
    {
      crypto,
      clock,
      store,
      desks: () => desks.open,
      mayEarn,
      serviceOf: (serviceType) => services.get(serviceType),
      onSession: (link, _session, usePath) => {
        if (usePath !== undefined) offerTunnelPath({ link, profile, usePath, log })
      },
      log,
    },
    { keys, profile, policy },
  )

  /** The first service opens the desks and starts to listen; a consumer alone does neither. */
  async function becomeProvider(): Promise<void> {
    await desks.openAll()
    listening ??= (async () => {
      linkNode.onLink((link: Link) => provider.welcome(link))
      await linkNode.listen()
    })()
    await listening
  }

  /** Signs the offer anew at each refresh, and remembers at what price. */
  function signerOf({ serviceType, country, price }: Required<ServiceOffer>, prices: Map<bigint, Price>): SignOffer {
    return ({ seq, nowMs, withdrawn }) => {
      const proposal: Proposal = {
        networkId: profile.networkId,
        provider: keys.identity,
        transportKey: linkNode.publicKey,
        serviceType,
        serviceVersion: 1,
        location: { country },
        price,
        accountants: [...desks.open.keys()],
        seq,
        expiresAtMs: BigInt(nowMs + proposalLifetimeMs),
        ...(withdrawn ? { withdrawn } : {}),
      }
      prices.set(seq, price)
      for (const old of [...prices.keys()].slice(0, -keptPrices)) prices.delete(old)
      return signProposal(crypto, proposal, keys.privateKey)
    }
  }

  async function find(filter: ProposalFilter = {}): Promise<readonly Proposal[]> {
    const { country, serviceType } = filter
    const { proposals } = await discovery.list({
      ...(country === undefined ? {} : { country }),
      ...(serviceType === undefined ? {} : { serviceType }),
    })
    return proposals
      .map(({ proposal }) => proposal)
      .filter(({ provider }) => filter.provider === undefined || provider === filter.provider)
  }

  /** The disk may have been lost, or be an old backup; a session that ended for that reason is followed by another. */
  async function adoptShownPromise(): Promise<void> {
    try {
      const adopted = await adoptShown(
        { crypto, book, consumerStanding: accountantClient.consumerStanding },
        { keys, channel: { chainId: profile.chainId, channel }, restoreJump: policy.restoreJump },
      )
      if (adopted !== undefined) log(`continues above a promise of ${adopted} that the accountant has of us`)
    } catch (fault) {
      // Whoever has a book goes on with it; whoever has none must ask first.
      if (book.blank || !(fault instanceof Fault)) throw fault
      log(`not asked what it has of us: ${fault.message}`)
    }
  }

  async function choose(request: ConnectRequest): Promise<Proposal> {
    const usable = (await find(request)).filter(({ accountants }) => accountants.includes(accountant.address))
    const [cheapest] = usable.toSorted((a, b) => (a.price.perGib < b.price.perGib ? -1 : 1))
    if (cheapest !== undefined) return cheapest
    throw new Fault('no-provider-found', {
      country: request.country,
      serviceType: request.serviceType,
      provider: request.provider,
    })
  }

  const viewService = (service: Service): ServiceView => ({
    ...service.offered,
    sessions: provider.sessions
      .filter(({ serviceType }) => serviceType === service.offered.serviceType)
      .map(({ view }) => view),
  })

  async function endService(serviceType: string): Promise<void> {
    const service = services.get(serviceType)
    if (service === undefined) return
    services.delete(serviceType)
    await service.published?.withdraw().catch((fault: Error) => log(`not withdrawn: ${fault.message}`))
    await Promise.all(
      provider.sessions
        .filter((session) => session.serviceType === serviceType)
        .map((session) => session.end('service-stops')),
    )
    await service.offer.close()
  }

  const requireStaying = (): void => {
    if (leaving.isWished) throw new Fault('leaving')
  }

  return {
    identity: keys.identity,

    async status() {
      const look = Promise.all([funds.read(), settler.look(statusMaxAgeMs)])
      await atMost(statusPatienceMs, look)
      const { balance, registered, capacity, settled } = funds.known ?? unknownFunds
      const { standing } = desks
      const earnings = settler.earnings()
      const sum = (of: (one: AccountEarnings) => bigint) => earnings.reduce((total, one) => total + of(one), 0n)
      const chainFault = chain.problem ?? funds.problem
      const alarms = [
        ...(chainFault === undefined ? [] : [alarmOf(chainFault)]),
        ...earnings.flatMap(({ accountant, problem }) =>
          problem === undefined || problem.code === chainFault?.code ? [] : [{ ...alarmOf(problem), accountant }],
        ),
      ]
      const reflexive = linkNode.reflexive()
      return {
        identity: keys.identity,
        networkId: profile.networkId,
        accountant: accountant.address,
        channel,
        registered,
        consumer: {
          balance,
          spent: book.amount,
          left: capacity > book.amount ? capacity - book.amount : 0n,
          inFlight: book.amount > settled ? book.amount - settled : 0n,
          promises: book.promises,
        },
        provider: {
          inFlight: standing.uncredited,
          credited: standing.credited,
          accountantFees: standing.fees,
          bounties: standing.bounties,
          unsettled: sum(({ unsettled }) => unsettled),
          guaranteed: sum(({ guaranteed }) => guaranteed),
          settling: sum(({ settling }) => settling),
          settled: sum(({ settled }) => settled ?? 0n),
          transactorFees: sum(({ fees }) => fees),
          batches: standing.batches,
          promises: standing.promises,
        },
        alarms,
        connections: [...connections.values()].map(({ view }) => view),
        services: [...services.values()].map(viewService),
        ...(reflexive === undefined ? {} : { reflexive }),
      }
    },

    topUp: () => ({
      identity: keys.identity,
      channel,
      accountant: accountant.address,
      token: profile.contracts.token,
      chainId: profile.chainId,
    }),

    async register() {
      const { registered } = await funds.read(0)
      if (registered) return { identity: keys.identity, transactorFee: 0n, registrationFee: 0n }
      const registrationFee = await funds.registrationFee()
      const { fee, state } = await withAny(transactors, log, (transactor) =>
        registerIdentity({ crypto, clock, transactor }, profile, keys, accountant.address),
      )
      await funds.read(0)
      changed()
      return {
        identity: keys.identity,
        transactorFee: fee,
        registrationFee,
        ...(state.hash === undefined ? {} : { hash: state.hash }),
      }
    },

    async proposals(filter) {
      return (await find(filter)).map(viewProposal)
    },

    async connect(request) {
      requireStaying()
      const driver = options.consumerDrivers.find(({ serviceType }) => serviceType === request.serviceType)
      if (driver === undefined) throw new Fault('service-type-unknown', { serviceType: request.serviceType })
      const { capacity } = await funds.read()
      const needed = 100n * policy.firstInvoiceAmount
      const { free: left } = moneyLeft('channel', capacity - book.amount, debtors)
      if (left < needed) throw new Fault('balance-too-low', { left, needed, channel })
      await adoptShownPromise()
      const proposal = await choose(request)
      const again = [...connections.values()].some(({ view: { provider, serviceType, state } }) => {
        return provider === proposal.provider && serviceType === proposal.serviceType && state !== 'failed'
      })
      // The provider would end the older session for the newer, and both would dial again for ever.
      if (again)
        throw new Fault('already-connected', { provider: proposal.provider, serviceType: proposal.serviceType })
      const limits = sharedLimits({ book, debtors }, proposal.provider, capacity)
      if (limits.some(({ limit, free, reserve }) => limit === 'day' && free <= reserve)) {
        throw new Fault('day-limit-reached', { provider: proposal.provider })
      }
      const id = randomBytes(4).toString('hex')
      const connection = createConnection(
        {
          crypto,
          clock,
          linkNode,
          driver,
          book,
          funds,
          debtors,
          capacityStatement: accountantClient.capacityStatement,
          findPath: (link, signal) => findTunnelPath({ link, profile, signal }),
          newestProposal: async () =>
            (await find({ provider: proposal.provider, serviceType: proposal.serviceType }))[0],
          onChange: changed,
          log,
        },
        {
          id,
          keys,
          profile,
          proposal,
          accountant: accountant.address,
          channel,
          pace: policy.pace,
          ...budgetOf(request.budget, spending.perSession),
          ...(request.listen === undefined ? {} : { listen: request.listen }),
        },
      )
      connections.set(id, connection)
      try {
        await connection.open()
      } catch (fault) {
        connections.delete(id)
        throw fault
      }
      return connection.view
    },

    async disconnect(id) {
      const connection = connections.get(id)
      if (connection === undefined) throw new Fault('connection-unknown', { id })
      await connection.disconnect()
      connections.delete(id)
      changed()
      return connection.view
    },

    connections: () => [...connections.values()].map(({ view }) => view),

    async serve(wanted) {
      requireStaying()
      const driver = options.providerDrivers.find(({ serviceType }) => serviceType === wanted.serviceType)
      if (driver === undefined) throw new Fault('service-type-unknown', { serviceType: wanted.serviceType })
      if (services.has(wanted.serviceType))
        throw new Fault('service-already-offered', { serviceType: wanted.serviceType })
      if (!/^[A-Z]{2}$/.test(wanted.country)) throw new Fault('country-invalid', { country: wanted.country })
      await becomeProvider()
      const reflexive = linkNode.reflexive()
      const exit = createExitPolicy({
        profile: profile.exit,
        denied: reflexive === undefined ? [] : [reflexive.host],
      })
      const offered = { ...wanted, price: wanted.price ?? scaledPrice(profile.priceScale) }
      const prices = new Map<bigint, Price>()
      const offer = await driver.offer({
        policy: exit,
        ...(options.bind === undefined ? {} : { egressAddress: options.bind.host }),
      })
      // Before it is published: a consumer may come before the call returns.
      const service: Service = { offered, offer, prices }
      services.set(wanted.serviceType, service)
      try {
        service.published = await discovery.publish(signerOf(offered, prices))
      } catch (fault) {
        services.delete(wanted.serviceType)
        await offer.close()
        throw fault
      }
      changed()
      return viewService(service)
    },

    async stopService(serviceType) {
      if (!services.has(serviceType)) throw new Fault('service-not-offered', { serviceType })
      await endService(serviceType)
      changed()
    },

    services: () => [...services.values()].map(viewService),

    async settle(ask = {}) {
      const { settled, refused } = await settler.settle(ask)
      changed()
      return viewSettlement(settled, refused)
    },

    async previewSettlement(ask = {}) {
      return (await settler.preview(ask)).map(viewPreview)
    },

    payments: () => settler.payments(),

    async withdraw({ to, amount = 0n } = {}) {
      if (to !== undefined) requireOwnable(profile, to)
      requireStaying()
      return viewErrand(await leaving.withdraw(to ?? zeroAddress, amount))
    },

    async leave({ to } = {}) {
      if (to !== undefined) requireOwnable(profile, to)
      await leaving.begin(to)
      return viewLeaving(leaving)
    },

    leaving: () => viewLeaving(leaving),

    async stay() {
      leaving.cancel()
      return viewLeaving(leaving)
    },

    beneficiary: async () => ({ beneficiary: await readBeneficiary(client, profile, keys.identity) }),

    async changeBeneficiary(beneficiary) {
      const done = await changeBeneficiary({ crypto, clock, client, wallet }, profile, keys, beneficiary)
      changed()
      return done
    },

    payout: payouts.standing,
    orderPayout: payouts.order,

    async earnings() {
      await atMost(statusPatienceMs, settler.look(statusMaxAgeMs))
      return settler.earnings().map(viewEarnings)
    },

    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.disconnect()))
      const withdrawals = [...services.values()].map(({ published }) => published?.withdraw())
      for (const { status } of await Promise.allSettled(withdrawals)) {
        if (status === 'rejected') log('a proposal was not withdrawn; it expires by itself')
      }
      await provider.close()
      await desks.flush()
      await desks.close()
      await atMost(closePatienceMs, leaving.close())
      await settler.close()
      chain.close()
      for (const { offer } of services.values()) await offer.close()
      await discovery.close()
      await linkNode.close()
      store.close()
    },
  }
}

/** The first of each that the profile names. @throws Fault `profile-incomplete`. */
function servicesOf({ accountants, rpcUrls, networkId }: NetworkProfile) {
  const [accountant] = accountants
  const [rpcUrl] = rpcUrls
  if (accountant === undefined || rpcUrl === undefined) {
    throw new Fault('profile-incomplete', { networkId })
  }
  return { accountant, rpcUrl }
}

const viewProposal = ({
  provider,
  serviceType,
  location,
  price,
  accountants,
  expiresAtMs,
}: Proposal): ProposalView => ({
  provider,
  serviceType,
  country: location.country,
  price,
  accountants,
  expiresAtMs: Number(expiresAtMs),
})

function budgetOf(asked: bigint | undefined, limit: bigint | undefined): { readonly budget?: bigint } {
  if (asked === undefined && limit === undefined) return {}
  return { budget: minOf(asked ?? maxUint256, limit ?? maxUint256) }
}

/** The default price of `payments.md` §3, times the network's scale. */
const scaledPrice = (scale: bigint): Price => ({
  perHour: 60_000_000_000_000n * scale,
  perGib: 100_000_000_000_000_000n * scale,
})

/** Lab and loopback addresses are dialled only where the profile calls them public; that is the devnet's alone. */
const isLab = ({ exit }: NetworkProfile): boolean => exit.publicRanges.length + exit.publicEndpoints.length > 0

export type { AccountantInfo }
