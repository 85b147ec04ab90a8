/**
 * One consumer, two providers at once: the real consumer's and provider's sessions over an in-memory link. The sessions
 * cost one base unit a millisecond each, and all the money that they share is spent within seconds. They run on the real
 * clock, so that there are few of them, one case after the other; ten of them play in `money-watch.test.ts`.
 */

import {
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
  type SignedPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import type { ConsumerDriver } from '@myst/vpn'
import { expect, test } from 'vitest'
import { createProvider } from '../provider/provider.ts'
import type { ProviderSession } from '../provider/provider-session.ts'
import { type Connection, createConnection } from './connection.ts'
import type { Debtor } from './money-left.ts'

const alice = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const carolKey = new Uint8Array(32).fill(0xca)
const at = (byte: number) => toHex(new Uint8Array(20).fill(byte)) as Address
const carol = { address: at(0xcc), operator: crypto.addressOf(carolKey), url: '' }
const lock = toHex(new Uint8Array(32).fill(7)) as Hex & SignedPromise['promise']['hashlock']
const price = { perHour: 3_600_000n, perGib: 0n }
const firstInvoiceAmount = 10n
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

const driver: ConsumerDriver = {
  serviceType: 'proxy',
  prepare: async () => ({
    parameters: new Uint8Array(),
    open: async () => ({ description: 'nothing', stats: async () => silent, async close() {} }),
    async close() {},
  }),
}

interface World {
  readonly connections: readonly Connection[]
  /** Of each provider, what it invoiced in all and what was paid, when its sessions are over. */
  accounts(): readonly { invoiced: bigint; paid: bigint }[]
  /** Promised, and the most that ever was. */
  promised(): bigint
  close(): Promise<void>
}

async function open(
  providers: number,
  shared: { readonly capacity?: bigint; readonly limits?: SpendingLimits },
): Promise<World> {
  const { capacity = 10n ** 9n, limits = {} } = shared
  const network = createMemoryNetwork()
  const book = openPayerBook(
    crypto,
    createMemoryStore(),
    alice,
    { chainId: profile.chainId, channel },
    { limits, nowMs: () => Date.parse('2026-11-21T12:00:00Z') },
  )
  const debtors = new Set<Debtor>()
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
      {
        keys,
        profile,
        policy: paymentPolicy(1n, { firstInvoiceAmount, minDelta: 1n, minInvoiceMs: 3000, dueAmount: 10n ** 9n }),
      },
    )
    node.onLink((link) => provider.welcome(link))
    await node.listen()
    closing.push(() => provider.close())
    return {
      provider: keys.identity,
      serviceType: 'proxy',
      serviceVersion: 1,
      transportKey: node.publicKey,
      price,
      seq: 1n,
      location: { country: 'NL' },
    } as unknown as Proposal
  }

  async function connect(proposal: Proposal): Promise<Connection> {
    const connection = createConnection(
      {
        crypto,
        clock: systemClock,
        linkNode: network.node(),
        driver,
        book,
        funds: { read: async () => ({ capacity }) } as never,
        debtors,
        capacityStatement: async () => {
          const domain = { chainId: profile.chainId, verifyingContract: carol.address }
          const issuedAtMs = BigInt(Date.now())
          const own = { channel, consumer: alice.identity, capacity, promised: book.amount }
          return signContent(
            crypto,
            domain,
            capacityStatementContent,
            { ...own, exitPending: false, issuedAtMs },
            carolKey,
          )
        },
        findPath: async () => undefined,
        newestProposal: async () => undefined,
        onChange: () => {},
        log: () => {},
      },
      {
        id: proposal.provider,
        keys: alice,
        profile,
        proposal,
        accountant: carol.address,
        channel,
        pace: { minInvoiceMs: 0, maxInvoiceMs: 300_000, maxInvoiceAmount: 100n },
      },
    )
    await connection.open()
    return connection
  }

  const connections: Connection[] = []
  for (let index = 0; index < providers; index++) {
    connections.push(await connect(await offer(deriveKeys(crypto, new Uint8Array(32).fill(0xb0 + index)))))
  }
  return {
    connections,
    accounts: () => sessions.map(({ view: { invoiced, paid } }) => ({ invoiced, paid })),
    promised: () => book.amount,
    async close() {
      await Promise.all(connections.map((connection) => connection.disconnect()))
      for (const close of closing) await close()
    },
  }
}

const sessions = 2
test.each([
  { limit: 'channel', shared: { capacity: 30_000n }, reason: 'money-spent' },
  { limit: 'day', shared: { limits: { perDay: 30_000n } }, reason: 'day-limit-reached' },
])(
  'two sessions that share a $limit end by themselves while both can be paid',
  async ({ shared, reason }) => {
    const world = await open(sessions, shared)
    const over = () => world.connections.filter(({ view }) => view.state === 'failed').length
    await expect.poll(over, { timeout: 40_000 }).toBe(sessions)
    for (const { view } of world.connections) expect(view.reason).toBe(reason)
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
