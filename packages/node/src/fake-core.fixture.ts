/**
 * A Node Core for tests of what sits on it: it answers from memory, and fails on cue.
 *
 * @module
 */

import { Fault, myst } from '@myst/protocol'
import type { ConnectionView, NodeCore, NodeStatus, ProposalView, ServiceView } from './node-core.ts'

export const alice = `0x${'a1'.repeat(20)}` as const
export const bob = `0x${'b0'.repeat(20)}` as const
const carol = `0x${'ca'.repeat(20)}` as const
const channel = `0x${'cc'.repeat(20)}` as const
const token = `0x${'70'.repeat(20)}` as const

/** Countries that make `connect` fail or wait. */
export const cues = { nobody: 'XX', bug: 'YY', away: 'UU', slow: 'ZZ' } as const
const slowMs = 1_300

export interface FakeCore extends NodeCore {
  /** The names of the calls that would have changed something, as they came. */
  readonly writes: string[]
  /** Puts MYST on the channel. */
  pay(amount: bigint): void
}

export function createFakeCore(changed: () => void = () => {}): FakeCore {
  const writes: string[] = []
  const connections = new Map<string, ConnectionView>()
  const services = new Map<string, ServiceView>()
  let balance = 2n * myst
  let registered = false
  const price = { perHour: 60_000_000_000_000n, perGib: 100_000_000_000_000_000n }
  const offered: ProposalView[] = [
    {
      provider: bob,
      serviceType: 'proxy',
      country: 'NL',
      price,
      accountants: [carol],
      expiresAtMs: 1_900_000_000_000,
    },
    {
      provider: carol,
      serviceType: 'wireguard',
      country: 'DE',
      price: { ...price, perGib: 1n },
      accountants: [carol],
      expiresAtMs: 1_900_000_000_000,
    },
  ]

  return {
    identity: alice,
    writes,
    pay(amount) {
      balance += amount
      changed()
    },
    async status(): Promise<NodeStatus> {
      return {
        identity: alice,
        networkId: 'devnet',
        accountant: carol,
        channel,
        registered,
        consumer: { balance, spent: 1n, left: balance - 1n, inFlight: 1n, promises: 1 },
        provider: {
          inFlight: 0n,
          credited: 0n,
          accountantFees: 0n,
          bounties: 0n,
          unsettled: 0n,
          guaranteed: 0n,
          settling: 0n,
          settled: 0n,
          transactorFees: 0n,
          batches: 0,
          promises: 0,
        },
        connections: [...connections.values()],
        services: [...services.values()],
        alarms: [],
        reflexive: { host: '198.18.10.1', port: 4040, symmetric: false },
      }
    },
    topUp: () => ({ identity: alice, channel, accountant: carol, token, chainId: 31_337n }),
    async register() {
      writes.push('register')
      registered = true
      changed()
      return { identity: alice, transactorFee: 3n, registrationFee: myst / 10n, hash: `0x${'11'.repeat(32)}` }
    },
    async proposals({ country, serviceType, provider } = {}) {
      return offered.filter(
        (proposal) =>
          (country ?? proposal.country) === proposal.country &&
          (serviceType ?? proposal.serviceType) === proposal.serviceType &&
          (provider ?? proposal.provider) === proposal.provider,
      )
    },
    async connect({ country = 'NL', serviceType, listen, budget }) {
      writes.push(`connect ${country} ${serviceType} ${budget}`)
      if (country === cues.nobody) throw new Fault('no-provider-found', { country, serviceType })
      if (country === cues.away)
        throw new Fault('accountant-unreachable', { url: 'http://carol:4060', owed: 2n ** 70n })
      if (country === cues.bug) throw new Error('a private detail')
      if (country === cues.slow) await new Promise((resolve) => setTimeout(resolve, slowMs))
      const listening = listen ?? { host: '127.0.0.1', port: 1080 }
      const connection: ConnectionView = {
        id: `c${connections.size + 1}`,
        state: 'connected',
        provider: bob,
        country,
        serviceType,
        description: `socks5://${listening.host}:${listening.port}`,
        listening,
        sentBytes: 2n ** 60n,
        receivedBytes: 0n,
        spent: 3n,
        promises: 1,
        path: 'link',
        connectedAtMs: 1_800_000_000_000,
      }
      connections.set(connection.id, connection)
      changed()
      return connection
    },
    async disconnect(id) {
      writes.push(`disconnect ${id}`)
      const connection = connections.get(id)
      if (connection === undefined) throw new Fault('connection-unknown', { id })
      connections.delete(id)
      changed()
      return { ...connection, state: 'not-connected' }
    },
    connections: () => [...connections.values()],
    async serve({ serviceType, country, price: asked = price }) {
      writes.push(`serve ${serviceType} ${country} ${asked.perGib} ${asked.perHour}`)
      if (services.has(serviceType)) throw new Fault('service-already-offered', { serviceType })
      const service: ServiceView = { serviceType, country, price: asked, sessions: [] }
      services.set(serviceType, service)
      changed()
      return service
    },
    async stopService(serviceType) {
      writes.push(`stop ${serviceType}`)
      if (!services.delete(serviceType)) throw new Fault('service-not-offered', { serviceType })
      changed()
    },
    services: () => [...services.values()],
    async settle() {
      writes.push('settle')
      throw new Fault('nothing-to-settle')
    },
    previewSettlement: async () => [],
    earnings: async () => [],
    payments: () => [],
    async withdraw({ key } = {}) {
      writes.push(key === undefined ? 'withdraw' : `withdraw ${key}`)
      throw new Fault('nothing-to-withdraw', key === undefined ? {} : { key })
    },
    async leave() {
      writes.push('leave')
      return { isWished: true, isOver: true, errands: [{ kind: 'wallet', state: 'done', amount: 0n }] }
    },
    leaving: () => ({ isWished: false, isOver: false, errands: [] }),
    stay: async () => ({ isWished: false, isOver: false, errands: [] }),
    beneficiary: async () => ({ beneficiary: alice }),
    changeBeneficiary: async (beneficiary) => ({ beneficiary }),
    payout: async (accountant = alice) => ({ accountant, every: 'never', least: 0n, isWished: false }),
    orderPayout: async ({ accountant = alice, every, least = 0n }) => ({ accountant, every, least, isWished: false }),
    async close() {},
  }
}
