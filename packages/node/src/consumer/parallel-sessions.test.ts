/**
 * One consumer, two providers at once: the real consumer and the providers' real sessions over an in-memory link. The
 * sessions cost one base unit a millisecond each, and all the money that they share is spent within seconds. Those that
 * end by themselves run on the real clock, so that there are few of them, one case after the other; ten of them play in
 * `money-watch.test.ts`.
 */

import {
  type Clock,
  deriveKeys,
  type ExchangeDesk,
  type NodeKeys,
  openPayerBook,
  paymentPolicy,
  type SpendingLimits,
  systemClock,
} from '@myst/billing'
import { createMemoryNetwork } from '@myst/link'
import {
  type Address,
  capacityStatementContent,
  channelAddress,
  referenceCrypto as crypto,
  type Hex,
  type NetworkProfile,
  type Proposal,
  type SignedContent,
  type SignedPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import type { ConsumerDriver } from '@myst/vpn'
import { expect, test } from 'vitest'
import type { ConnectionView } from '../node-core.ts'
import { createProvider } from '../provider/provider.ts'
import type { ProviderSession } from '../provider/provider-session.ts'
import { type Consumer, createConsumer } from './consumer.ts'

const [alice, bob, dan] = [0xa1, 0xb0, 0xd0].map((byte) => deriveKeys(crypto, new Uint8Array(32).fill(byte))) as [
  NodeKeys,
  NodeKeys,
  NodeKeys,
]
const carolKey = new Uint8Array(32).fill(0xca)
const at = (byte: number) => toHex(new Uint8Array(20).fill(byte)) as Address
const carol = { address: at(0xcc), operator: crypto.addressOf(carolKey), url: '' }
const lock = toHex(new Uint8Array(32).fill(7)) as Hex & SignedPromise['promise']['hashlock']
const price = { perHour: 3_600_000n, perGib: 0n }
const firstInvoiceAmount = 10n
const policy = paymentPolicy(1n, {
  firstInvoiceAmount,
  minDelta: 1n,
  minInvoiceMs: 3000,
  dueAmount: 10n ** 9n,
  pace: { minInvoiceMs: 0, maxInvoiceMs: 300_000, maxInvoiceAmount: 100n },
})
const profile = {
  networkId: 'devnet',
  chainId: 31337n,
  contracts: { token: at(1), registry: at(2), channelImplementation: at(3), accountantImplementation: at(4) },
  bootstrap: [],
  rpcUrls: [],
  transactorUrls: [],
  accountants: [],
} as unknown as NetworkProfile
const channel = channelAddress(crypto, profile.contracts, alice.identity, carol.address)
const silent = { sentBytes: 0n, receivedBytes: 0n }

const driverOf = (serviceType: string): ConsumerDriver => ({
  serviceType,
  prepare: async () => ({
    parameters: new Uint8Array(),
    open: async () => ({ description: 'nothing', stats: async () => silent, async close() {} }),
    async close() {},
  }),
})

interface World {
  readonly consumer: Consumer
  connect(provider: NodeKeys, serviceType: string): Promise<ConnectionView>
  /** Of each provider, what it invoiced in all and what was paid, when its sessions are over. */
  accounts(): readonly { invoiced: bigint; paid: bigint }[]
  /** Promised, and the most that ever was. */
  promised(): bigint
  close(): Promise<void>
}

interface Shared {
  readonly capacity?: bigint
  readonly limits?: SpendingLimits
}

/** @param clock Alice's. */
async function open(shared: Shared, clock: Clock = systemClock): Promise<World> {
  const { capacity = 10n ** 9n, limits = {} } = shared
  const network = createMemoryNetwork()
  const book = openPayerBook(
    crypto,
    createMemoryStore(),
    alice,
    { chainId: profile.chainId, channel },
    { limits, nowMs: () => Date.parse('2026-11-21T12:00:00Z') },
  )
  const sessions: ProviderSession[] = []
  const closing: (() => Promise<void>)[] = []

  async function offer(keys: NodeKeys): Promise<Proposal> {
    const node = network.node()
    const desk = {
      accountant: carol,
      hashlock: lock,
      standing: { uncredited: 0n },
      stopped: false,
      add() {},
      flush: async () => {},
    } as unknown as ExchangeDesk
    const tunnel = {
      parameters: new Uint8Array(),
      stats: () => silent,
      async pause() {},
      async resume() {},
      async close() {},
    }
    const service = { offer: { accept: async () => tunnel, async close() {} }, prices: new Map([[1n, price]]) }
    const provider = createProvider(
      {
        crypto,
        clock: systemClock,
        store: createMemoryStore(),
        desks: () => new Map([[carol.address, desk]]),
        serviceOf: () => service,
        onSession: (_link, session) => sessions.push(session),
        log: () => {},
      },
      { keys, profile, policy },
    )
    node.onLink((link) => provider.welcome(link))
    await node.listen()
    closing.push(() => provider.close())
    return {
      provider: keys.identity,
      serviceVersion: 1,
      transportKey: node.publicKey,
      price,
      seq: 1n,
      location: { country: 'NL' },
      accountants: [carol.address],
    } as unknown as Proposal
  }

  const offers = await Promise.all([bob, dan].map(offer))

  async function capacityStatement(): Promise<SignedContent> {
    const domain = { chainId: profile.chainId, verifyingContract: carol.address }
    const own = { channel, consumer: alice.identity, capacity, promised: book.amount }
    const statement = { ...own, exitPending: false, issuedAtMs: BigInt(Date.now()) }
    return signContent(crypto, domain, capacityStatementContent, statement, carolKey)
  }

  const consumer = createConsumer(
    {
      crypto,
      clock,
      linkNode: network.node(),
      // Everybody offers what is asked for.
      discovery: {
        list: async ({ serviceType }: { readonly serviceType: string }) => ({
          proposals: offers.map((proposal) => ({ proposal: { ...proposal, serviceType } })),
        }),
      } as never,
      drivers: ['proxy', 'wireguard'].map(driverOf),
      accountant: { capacityStatement, consumerStanding: async () => ({}) } as never,
      book,
      funds: { read: async () => ({ capacity }) } as never,
      onChange: () => {},
      log: () => {},
    },
    { keys: alice, profile, policy, spending: limits, accountant: carol.address, channel },
  )
  return {
    consumer,
    connect: ({ identity }, serviceType) => consumer.connect({ provider: identity, serviceType }),
    accounts: () => sessions.map(({ view: { invoiced, paid } }) => ({ invoiced, paid })),
    promised: () => book.amount,
    async close() {
      await consumer.disconnectAll()
      for (const close of closing) await close()
    },
  }
}

test.each([
  { limit: 'channel', shared: { capacity: 30_000n }, reason: 'money-spent' },
  { limit: 'day', shared: { limits: { perDay: 30_000n } }, reason: 'day-limit-reached' },
])(
  'two sessions that share a $limit end by themselves while both can be paid',
  async ({ shared, reason }) => {
    const world = await open(shared)
    for (const provider of [bob, dan]) await world.connect(provider, 'proxy')
    const over = () => world.consumer.views.filter(({ state }) => state === 'failed').length
    await expect.poll(over, { timeout: 40_000 }).toBe(2)
    for (const view of world.consumer.views) expect(view.reason).toBe(reason)
    for (const { invoiced, paid } of world.accounts()) {
      expect(paid).toBeGreaterThan(0n)
      expect(Number(invoiced - paid)).toBeLessThanOrEqual(Number(firstInvoiceAmount) + 0.02 * Number(invoiced))
    }
    const most = shared.capacity ?? shared.limits?.perDay ?? 0n
    expect(world.promised()).toBeLessThanOrEqual(most)
    // They used what they could: no more is left than what is kept back for those that end last.
    expect(most - world.promised()).toBeLessThan(most / 4n)
    await world.close()
  },
  60_000,
)

const most = 30_000n
test.each([
  { limit: 'channel', shared: { capacity: most }, provider: dan, code: 'balance-too-low' },
  { limit: 'day', shared: { limits: { perDay: most } }, provider: dan, code: 'day-limit-reached' },
  { limit: 'provider’s day', shared: { limits: { perProviderDay: most } }, provider: bob, code: 'day-limit-reached' },
])('no session begins when what another owes leaves too little of the $limit', async ({ shared, provider, code }) => {
  let elapsedMs = 0
  const world = await open(shared, { nowMs: Date.now, elapsedMs: () => elapsedMs })
  const { id: live } = await world.connect(bob, 'proxy')
  // Well above what there is: a millisecond costs one.
  elapsedMs = 2 * Number(most)
  await expect(world.connect(provider, 'wireguard')).rejects.toMatchObject({ code })
  expect(world.consumer.views.map((view) => view.id)).toEqual([live])
  // It was no promise that used it up: once the other is gone, there is enough.
  expect(world.promised()).toBeLessThan(most / 10n)
  await world.consumer.disconnect(live)
  await world.connect(provider, 'wireguard')
  await world.close()
})
