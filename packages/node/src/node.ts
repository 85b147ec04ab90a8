/**
 * A node: adapters meet ports here.
 *
 * @module
 */

import {
  type AccountantInfo,
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
import { createDiscoveryClient } from '@myst/discovery'
import { createHyperdhtNode, type LinkNode } from '@myst/link'
import { type Crypto, channelAddress, Fault, type NetworkProfile, zeroAddress } from '@myst/protocol'
import { openSqliteStore, type RecordStore } from '@myst/store'
import type { ConsumerDriver, ProviderDriver } from '@myst/vpn'
import { alarmsOf, consumerBalance, providerBalance } from './balances.ts'
import { watchChain } from './chain-watch.ts'
import { createConsumer } from './consumer/consumer.ts'
import { createFundsReader, type Funds } from './funds.ts'
import { changeBeneficiary, readBeneficiary, requireOwnable } from './leaving/beneficiary.ts'
import { createChannelExit } from './leaving/channel-exit.ts'
import { createLeaving } from './leaving/leave.ts'
import { stepStakeReturn } from './leaving/stake-return.ts'
import { viewErrand, viewLeaving } from './leaving/views.ts'
import { findProposals, viewProposal } from './market.ts'
import type { NodeCore } from './node-core.ts'
import { createOwnWallet } from './own-wallet.ts'
import { atMost } from './patient.ts'
import { createDesks } from './provider/desks.ts'
import { createServices } from './provider/services.ts'
import { registerIdentity } from './registration.ts'
import { watchAllowance } from './settlement/allowance.ts'
import { type SettlementConfig, settlementOptions } from './settlement/config.ts'
import { createPayouts } from './settlement/payouts.ts'
import { createSettler } from './settlement/settler.ts'
import { viewEarnings, viewPreview, viewSettlement } from './settlement/views.ts'
import { createTransactorClient } from './transactor-client.ts'
import { withAny } from './transactors.ts'

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
/** After this, what is known is shown, however old. */
const statusPatienceMs = 3_000
/** What is on its way is on disk, and followed by the next start. */
const closePatienceMs = 1_000
/** Before the chain was ever asked; the status says so. */
const unknownFunds: Funds = { balance: 0n, settled: 0n, registered: false, capacity: 0n }

export async function createNode(options: NodeOptions): Promise<NodeCore> {
  const { profile, crypto, log } = options
  const clock: Clock = systemClock
  const changed = options.onChange ?? (() => {})
  const keys = deriveKeys(crypto, options.privateKey)
  const policy = paymentPolicy(profile.priceScale, options.policy)
  const own = servicesOf(profile)
  const { accountant } = own
  const channel = channelAddress(crypto, profile.contracts, keys.identity, accountant.address)

  const store: RecordStore = openSqliteStore(`${options.dataDir}/node.db`)
  const chain = await watchChain({ rpcUrl: own.rpcUrl, chainId: profile.chainId }, changed, log)
  const { client } = chain
  const wallet = createOwnWallet(crypto, client, profile.contracts, keys.privateKey)
  const transactors = [...profile.transactorUrls.map(createTransactorClient), wallet.transactor]
  /** What most parts need of the world. */
  const world = { crypto, clock, store, client, wallet, transactors, onChange: changed, log }
  const clientOf = (info: AccountantInfo) => {
    const domain = { chainId: profile.chainId, verifyingContract: info.address }
    return createAccountantClient({ crypto, clock }, keys, domain, info)
  }
  const accountantClient = clientOf(accountant)
  const spending = options.spending ?? {}
  const place = { chainId: profile.chainId, channel }
  const book = openPayerBook(crypto, store, keys, place, { limits: spending, nowMs: clock.nowMs })
  const channels = new Map(profile.accountants.map((info) => [info.address, channelExitOf(info)]))
  const reserved = () => channels.get(accountant.address)?.reserved ?? 0n
  const funds = createFundsReader({ client, clock, reserved }, profile, { identity: keys.identity, channel })

  function channelExitOf(info: AccountantInfo) {
    const isOurs = info.address === accountant.address
    return createChannelExit(
      {
        ...world,
        accountant: isOurs ? accountantClient : clientOf(info),
        promised: () => (isOurs ? book.amount : 0n),
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

  const desks = createDesks(
    {
      ...world,
      onOutcomes: (outcomes) => services.credited(outcomes),
      promisedBefore: (agreementId) => services.promisedBefore(agreementId),
    },
    { keys, profile, policy },
  )
  const settlement = settlementOptions(profile.priceScale, options.settlement)
  const settler = createSettler({ ...world, sources: desks.sources }, { keys, profile, ...settlement })
  const mayEarn = watchAllowance({ earnings: settler.earnings, clock, log }, settlement.policy.allowance)
  const payouts = createPayouts(world, { keys, profile })
  const leaving = createLeaving(
    { ...world, settler, channels, stepStake: (at) => stepStakeReturn(world, keys, at), endBusiness },
    { keys, profile },
  )

  /** Whoever leaves ends what runs; accountants are asked for what they still owe where there is any. */
  async function endBusiness(): Promise<void> {
    await consumer.disconnectAll()
    await services.stopAll()
    if (!hasExchanged(store)) return
    await desks.openAll()
    await desks.flush()
  }

  const services = createServices(
    { ...world, linkNode, discovery, drivers: options.providerDrivers, desks, mayEarn },
    { keys, profile, policy, ...(options.bind === undefined ? {} : { egressAddress: options.bind.host }) },
  )
  const consumer = createConsumer(
    { ...world, linkNode, discovery, drivers: options.consumerDrivers, accountant: accountantClient, book, funds },
    { keys, profile, policy, spending, accountant: accountant.address, channel },
  )

  const requireStaying = (): void => {
    if (leaving.isWished) throw new Fault('leaving')
  }

  return {
    identity: keys.identity,

    async status() {
      await atMost(statusPatienceMs, Promise.all([funds.read(), settler.look(statusMaxAgeMs)]))
      const known = funds.known ?? unknownFunds
      const earnings = settler.earnings()
      const reflexive = linkNode.reflexive()
      return {
        identity: keys.identity,
        networkId: profile.networkId,
        accountant: accountant.address,
        channel,
        registered: known.registered,
        consumer: consumerBalance(known, book),
        provider: providerBalance(desks.standing, earnings),
        alarms: alarmsOf(chain.problem ?? funds.problem, earnings),
        connections: consumer.views,
        services: services.views,
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
      return (await findProposals(discovery, filter)).map(viewProposal)
    },

    async connect(request) {
      requireStaying()
      return consumer.connect(request)
    },
    disconnect: consumer.disconnect,
    connections: () => consumer.views,

    async serve(wanted) {
      requireStaying()
      return services.serve(wanted)
    },
    stopService: services.stop,
    services: () => services.views,

    async settle(ask = {}) {
      const { settled, refused } = await settler.settle(ask)
      changed()
      return viewSettlement(settled, refused)
    },

    async previewSettlement(ask = {}) {
      return (await settler.preview(ask)).map(viewPreview)
    },

    payments: () => settler.payments(),

    async withdraw({ to, amount = 0n, key } = {}) {
      if (to !== undefined) requireOwnable(profile, to)
      requireStaying()
      return viewErrand(await leaving.withdraw(to ?? zeroAddress, amount, key))
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
      const done = await changeBeneficiary(world, profile, keys, beneficiary)
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
      await consumer.disconnectAll()
      await services.close()
      await desks.flush()
      await desks.close()
      await atMost(closePatienceMs, leaving.close())
      await settler.close()
      chain.close()
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

/** Lab and loopback addresses are dialled only where the profile calls them public; that is the devnet's alone. */
const isLab = ({ exit }: NetworkProfile): boolean => exit.publicRanges.length + exit.publicEndpoints.length > 0

export type { AccountantInfo }
