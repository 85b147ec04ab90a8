/**
 * Consumer mode: connects to providers, several at once, on one channel.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import {
  type AccountantClient,
  adoptShown,
  type Clock,
  type PayerBook,
  type PaymentPolicy,
  requireKnown,
  type SpendingLimits,
  statementIn,
} from '@myst/billing'
import type { DiscoveryClient } from '@myst/discovery'
import type { LinkNode } from '@myst/link'
import { type Crypto, Fault, maxUint256, minOf, type SignedContent } from '@myst/protocol'
import type { ConsumerDriver } from '@myst/vpn'
import type { FundsReader } from '../funds.ts'
import { findCheapest, findProposals } from '../market.ts'
import type { ConnectionView, ConnectRequest } from '../node-core.ts'
import { findTunnelPath } from '../tunnel-path.ts'
import { type Connection, createConnection } from './connection.ts'
import { type Debtor, moneyLeft, sharedLimits } from './money-left.ts'
import type { DialOptions } from './session-dial.ts'

export interface Consumer {
  readonly views: readonly ConnectionView[]
  /** @throws Fault with what is missing, or the provider's refusal. */
  connect(request: ConnectRequest): Promise<ConnectionView>
  disconnect(id: string): Promise<ConnectionView>
  disconnectAll(): Promise<void>
}

export interface ConsumerDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly linkNode: LinkNode
  readonly discovery: DiscoveryClient
  readonly drivers: readonly ConsumerDriver[]
  readonly accountant: AccountantClient
  readonly book: PayerBook
  readonly funds: FundsReader
  readonly onChange: () => void
  readonly log: (line: string) => void
}

export interface ConsumerOptions extends Omit<DialOptions, 'pace'> {
  readonly policy: PaymentPolicy
  readonly spending: SpendingLimits
}

export function createConsumer(deps: ConsumerDeps, { policy, spending, ...own }: ConsumerOptions): Consumer {
  const { crypto, discovery, book, funds, log } = deps
  const { keys, profile, accountant, channel } = own
  const connections = new Map<string, Connection>()
  const debtors = new Set<Debtor>()

  /** The disk may have been lost, or be an old backup; a session that ended for that reason is followed by another. */
  async function adoptShownPromise(): Promise<void> {
    try {
      const adopted = await adoptShown(
        { crypto, book, consumerStanding: deps.accountant.consumerStanding },
        { keys, channel: { chainId: profile.chainId, channel }, restoreJump: policy.restoreJump },
      )
      if (adopted !== undefined)
        log(
          `continues above a promise of ${adopted} that the accountant has of us: from an old backup, or is this key on two machines?`,
        )
    } catch (fault) {
      // Whoever has a book goes on with it; whoever has none must ask first.
      if (book.blank || !(fault instanceof Fault)) throw fault
      log(`not asked what it has of us: ${fault.message}`)
    }
  }

  async function stateCapacity(): Promise<SignedContent> {
    const statement = await deps.accountant.capacityStatement()
    await requireKnown(statementIn(statement), book, adoptShownPromise)
    return statement
  }

  const views = () => [...connections.values()].map(({ view }) => view)

  return {
    get views() {
      return views()
    },

    async connect(request) {
      const driver = deps.drivers.find(({ serviceType }) => serviceType === request.serviceType)
      if (driver === undefined) throw new Fault('service-type-unknown', { serviceType: request.serviceType })
      const { capacity } = await funds.read()
      const needed = 100n * policy.firstInvoiceAmount
      const { free: left } = moneyLeft('channel', capacity - book.amount, debtors)
      if (left < needed) throw new Fault('balance-too-low', { left, needed, channel })
      await adoptShownPromise()
      const proposal = await findCheapest(discovery, request, accountant)
      const { provider, serviceType } = proposal
      const again = views().some(
        (view) => view.provider === provider && view.serviceType === serviceType && view.state !== 'failed',
      )
      // The provider would end the older session for the newer, and both would dial again for ever.
      if (again) throw new Fault('already-connected', { provider, serviceType })
      const limits = sharedLimits({ book, debtors }, provider, capacity)
      if (limits.some(({ limit, free, reserve }) => limit === 'day' && free <= reserve)) {
        throw new Fault('day-limit-reached', { provider })
      }
      const id = randomBytes(4).toString('hex')
      const connection = createConnection(
        {
          ...deps,
          driver,
          debtors,
          capacityStatement: stateCapacity,
          findPath: (link, signal) => findTunnelPath({ link, profile, signal }),
          newestProposal: async () => (await findProposals(discovery, { provider, serviceType }))[0],
        },
        {
          id,
          ...own,
          proposal,
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
      deps.onChange()
      return connection.view
    },

    async disconnectAll() {
      await Promise.all([...connections.values()].map((connection) => connection.disconnect()))
      connections.clear()
    },
  }
}

function budgetOf(asked: bigint | undefined, limit: bigint | undefined): { readonly budget?: bigint } {
  if (asked === undefined && limit === undefined) return {}
  return { budget: minOf(asked ?? maxUint256, limit ?? maxUint256) }
}
