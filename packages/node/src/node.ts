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
  openExchangeDesk,
  openPayerBook,
  type PaymentPolicy,
  paymentPolicy,
  type SpendingLimits,
  systemClock,
} from '@myst/billing'
import { type ChainClient, connectChain } from '@myst/chain'
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
} from '@myst/protocol'
import { openSqliteStore, type RecordStore } from '@myst/store'
import { type ConsumerDriver, createExitPolicy, type Offer, type ProviderDriver } from '@myst/vpn'
import { type Connection, createConnection } from './consumer/connection.ts'
import { createFundsReader } from './funds.ts'
import type { ConnectRequest, NodeCore, ProposalFilter, ProposalView, ServiceOffer, ServiceView } from './node-core.ts'
import { createOwnTransactor } from './own-transactor.ts'
import { readFeeRate, readOperator } from './provider/accountant-terms.ts'
import { createProvider, type OfferedService } from './provider/provider.ts'
import { settleNewest } from './provider/settlement.ts'
import { registerIdentity } from './registration.ts'
import { createTransactorClient } from './transactor-client.ts'
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
  readonly providerDrivers: readonly ProviderDriver[]
  readonly consumerDrivers: readonly ConsumerDriver[]
  readonly crypto: Crypto
  readonly log: (line: string) => void
  /** Called after every change that a person would see. */
  readonly onChange?: () => void
}

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
  const client: ChainClient = await connectChain({ rpcUrl: own.rpcUrl, chainId: profile.chainId })
  const transactor =
    own.transactorUrl === undefined
      ? createOwnTransactor(client, profile.contracts, keys.privateKey)
      : createTransactorClient(own.transactorUrl)
  const accountantClient = createAccountantClient({ crypto, clock }, keys, domain, accountant)
  const funds = createFundsReader({ client, clock }, profile, {
    identity: keys.identity,
    channel,
    accountant: accountant.address,
  })
  const limits = options.spending ?? {}
  const book = openPayerBook(crypto, store, keys, { chainId: profile.chainId, channel }, { limits, nowMs: clock.nowMs })

  const linkNode: LinkNode = createHyperdhtNode({
    bootstrap: [...profile.bootstrap],
    seed: keys.transportSeed,
    ...(options.bind === undefined ? {} : { bind: options.bind }),
    ...(isLab(profile) ? { mayDial: () => true } : {}),
  })
  const discovery = createDiscoveryClient({ node: linkNode, crypto }, { networkId: profile.networkId, ephemeral: true })

  const services = new Map<string, Service>()
  const connections = new Map<string, Connection>()
  let desk: Awaited<ReturnType<typeof openExchangeDesk>> | undefined
  let listening: Promise<void> | undefined

  const provider = createProvider(
    {
      crypto,
      clock,
      store,
      desks: () => new Map(desk === undefined ? [] : [[accountant.address, desk]]),
      serviceOf: (serviceType) => services.get(serviceType),
      onSession: (link, _session, usePath) => {
        if (usePath !== undefined) offerTunnelPath({ link, profile, usePath, log })
      },
      log,
    },
    { keys, profile, policy },
  )

  /** The first service opens the desk and starts to listen; a consumer alone does neither. */
  async function becomeProvider(): Promise<void> {
    desk ??= await openExchangeDesk(
      {
        crypto,
        clock,
        store,
        client: accountantClient,
        onOutcomes: (outcomes) => provider.credited(outcomes),
        feeRate: () => readFeeRate(client, accountant.address),
        operator: () => readOperator(client, accountant.address),
        log,
      },
      {
        keys,
        chainId: profile.chainId,
        accountant,
        policy: policy.exchange,
        feeLimit: policy.feeLimit,
        unprovedRefusals: policy.unprovedRefusals,
      },
    )
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
        accountants: [own.accountant.address],
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

  return {
    identity: keys.identity,

    async status() {
      const [{ balance, registered, capacity }, settled] = await Promise.all([
        funds.read(),
        desk === undefined ? 0n : funds.settledToUs(),
      ])
      const transactorFees = settled === 0n ? 0n : await funds.settlementFees(settled)
      const standing = desk?.standing
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
          promises: book.promises,
        },
        provider: {
          inFlight: standing?.uncredited ?? 0n,
          credited: standing?.credited ?? 0n,
          accountantFees: standing?.fees ?? 0n,
          bounties: standing?.bounties ?? 0n,
          settled,
          transactorFees,
          batches: standing?.batches ?? 0,
          promises: standing?.promises ?? 0,
        },
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
      const { fee, state } = await registerIdentity({ crypto, clock, transactor }, profile, keys, accountant.address)
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
      const driver = options.consumerDrivers.find(({ serviceType }) => serviceType === request.serviceType)
      if (driver === undefined) throw new Fault('service-type-unknown', { serviceType: request.serviceType })
      const { capacity } = await funds.read()
      if (capacity - book.amount < 100n * policy.firstInvoiceAmount) {
        throw new Fault('balance-too-low', {
          left: capacity - book.amount,
          needed: 100n * policy.firstInvoiceAmount,
          channel,
        })
      }
      await adoptShownPromise()
      const proposal = await choose(request)
      const again = [...connections.values()].some(({ view: { provider, serviceType, state } }) => {
        return provider === proposal.provider && serviceType === proposal.serviceType && state !== 'failed'
      })
      // The provider would end the older session for the newer, and both would dial again for ever.
      if (again)
        throw new Fault('already-connected', { provider: proposal.provider, serviceType: proposal.serviceType })
      if (book.leftFor(proposal.provider) === 0n) throw new Fault('day-limit-reached', { provider: proposal.provider })
      const id = randomBytes(4).toString('hex')
      const connection = createConnection(
        {
          crypto,
          clock,
          linkNode,
          driver,
          book,
          funds,
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
          ...budgetOf(request.budget, limits.perSession),
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
      const service = services.get(serviceType)
      if (service === undefined) throw new Fault('service-not-offered', { serviceType })
      services.delete(serviceType)
      await service.published?.withdraw().catch((fault: Error) => log(`not withdrawn: ${fault.message}`))
      await Promise.all(
        provider.sessions
          .filter((session) => session.serviceType === serviceType)
          .map((session) => session.end('service-stops')),
      )
      await service.offer.close()
      changed()
    },

    services: () => [...services.values()].map(viewService),

    async settle() {
      if (desk === undefined) throw new Fault('nothing-to-settle')
      await desk.flush()
      const settled = await funds.settledToUs()
      const { fee, paid, state } = await settleNewest({ crypto, clock, transactor }, keys, desk, settled)
      changed()
      return { paid, transactorFee: fee, ...(state.hash === undefined ? {} : { hash: state.hash }) }
    },

    async close() {
      await Promise.all([...connections.values()].map((connection) => connection.disconnect()))
      const withdrawals = [...services.values()].map(({ published }) => published?.withdraw())
      for (const { status } of await Promise.allSettled(withdrawals)) {
        if (status === 'rejected') log('a proposal was not withdrawn; it expires by itself')
      }
      await provider.close()
      await desk?.flush()
      await desk?.close()
      for (const { offer } of services.values()) await offer.close()
      await discovery.close()
      await linkNode.close()
      store.close()
    },
  }
}

/** The first of each that the profile names; without a transactor the node is its own. @throws Fault `profile-incomplete`. */
function servicesOf({ accountants, rpcUrls, transactorUrls, networkId }: NetworkProfile) {
  const [accountant] = accountants
  const [rpcUrl] = rpcUrls
  const [transactorUrl] = transactorUrls
  if (accountant === undefined || rpcUrl === undefined) {
    throw new Fault('profile-incomplete', { networkId })
  }
  return { accountant, rpcUrl, transactorUrl }
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
