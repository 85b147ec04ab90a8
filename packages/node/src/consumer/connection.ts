/**
 * One connection of a consumer: one session after the other with the same provider, who is dialled again when he is lost.
 *
 * @module
 */

import { statementIn } from '@myst/billing'
import { Fault, type Proposal, type SignedContent } from '@myst/protocol'
import type { Endpoint } from '@myst/vpn'
import type { ConnectionState, ConnectionView } from '../node-core.ts'
import { atMost } from '../patient.ts'
import { type ConsumerSession, type ConsumerSessionDeps, createConsumerSession } from './consumer-session.ts'
import { createPatience } from './patience.ts'
import { type DialDeps, type DialOptions, dialProvider } from './session-dial.ts'

export interface ConnectionDeps extends DialDeps, ConsumerSessionDeps {
  /** The accountant's statement of what our channel can still promise. */
  readonly capacityStatement: () => Promise<SignedContent>
  /** The provider's newest proposal of this service: after a restart it has another seq. */
  readonly newestProposal: () => Promise<Proposal | undefined>
}

export interface ConnectionOptions extends DialOptions {
  readonly id: string
  readonly proposal: Proposal
  /** The most this connection may cost. */
  readonly budget?: bigint
  readonly listen?: Endpoint
}

export interface Connection {
  readonly view: ConnectionView
  /** Resolves when traffic can flow. @throws Fault with the provider's refusal, or why it can't be reached. */
  open(): Promise<void>
  /** Pays what is due and closes; the state says whether the provider answered. */
  disconnect(): Promise<void>
}

/** A dial that is told to stop closes what it opened; the person waits for it, and not for one that hangs. */
const dialEndMs = 3_000

export function createConnection(deps: ConnectionDeps, options: ConnectionOptions): Connection {
  const { clock, log } = deps
  let { proposal, listen } = options
  const { provider, serviceType } = proposal
  let state: ConnectionState = 'not-connected'
  let reason: string | undefined
  /** The last one that began; what it cost is counted until another begins. */
  let session: ConsumerSession | undefined
  /** Of the sessions before it. */
  let before = { sentBytes: 0n, receivedBytes: 0n, spent: 0n, promises: 0 }
  let connectedAtMs: number | undefined
  /** After a top-up: the accountant's statement must say more than this, or the provider would be dialled in vain. */
  let stateAbove: bigint | undefined
  let redialling: Promise<void> = Promise.resolve()
  const closing = new AbortController()
  const patience = createPatience(clock)

  function become(next: ConnectionState, why?: string): void {
    state = next
    reason = why
    deps.onChange()
  }

  function totals(): typeof before {
    if (session === undefined) return before
    const { stats, spent, promises } = session
    return {
      sentBytes: before.sentBytes + stats.sentBytes,
      receivedBytes: before.receivedBytes + stats.receivedBytes,
      spent: before.spent + spent,
      promises: before.promises + promises,
    }
  }

  async function dial(): Promise<ConsumerSession> {
    const budget = options.budget === undefined ? undefined : options.budget - totals().spent
    if (budget !== undefined && budget <= 0n) throw new Fault('budget-spent', { budget: options.budget })
    const capacity = await deps.capacityStatement()
    if (stateAbove !== undefined && statementIn(capacity).capacity <= stateAbove) {
      throw new Fault('top-up-not-stated', { accountant: options.accountant, capacity: stateAbove })
    }
    const opened = await dialProvider(deps, options, {
      proposal,
      capacity,
      signal: closing.signal,
      ...(budget === undefined ? {} : { budget }),
      ...(listen === undefined ? {} : { listen }),
    })
    const next: ConsumerSession = createConsumerSession(deps, opened, {
      onReason: (why) => become(state, why),
      onLost: (why) => lost(next, why),
      onMoney: (advice) => (advice.kind === 'end' ? endFor(next, advice.reason) : renew(next)),
      onBroken: broken,
    })
    return next
  }

  function begin(next: ConsumerSession): void {
    before = totals()
    session = next
    listen = next.tunnel.listening ?? listen
    connectedAtMs ??= clock.nowMs()
    stateAbove = undefined
    become('connected')
    next.begin()
  }

  async function endFor(ending: ConsumerSession, why: string): Promise<void> {
    log(`${provider}: ${why}`)
    // Should it be lost meanwhile, nobody is dialled again.
    ending.endReason = why
    if ((await ending.finish(why)) && !closing.signal.aborted) become('failed', why)
  }

  /** The channel holds more than this provider was shown: another session shows it. */
  async function renew(ending: ConsumerSession): Promise<void> {
    become('reconnecting', 'topped-up')
    stateAbove = ending.shownCapacity
    patience.hurry()
    if (await ending.finish('topped-up')) await redial()
  }

  function lost(ended: ConsumerSession, why: string): void {
    if (closing.signal.aborted) return void ended.stop(why)
    const { endReason } = ended
    patience.lost(ended.livedMs)
    become('reconnecting', endReason ?? why)
    ended
      .stop(why)
      .then(() => (endReason === undefined ? redial() : become('failed', endReason)))
      .catch(broken)
  }

  function broken(fault: Error): void {
    log(`${provider} again: ${fault.stack}`)
    become('failed', 'internal')
    // Whatever we think of it, it would go on and be paid for.
    void session?.stop('internal')
  }

  /** Dialled again only at the price that was accepted, or a lower one. */
  async function renewProposal(): Promise<boolean> {
    const newest = await deps.newestProposal()
    if (newest === undefined) return true
    const { perGib, perHour } = options.proposal.price
    if (newest.price.perGib > perGib || newest.price.perHour > perHour) return false
    proposal = newest
    return true
  }

  function redial(): Promise<void> {
    redialling = dialAgain()
    return redialling
  }

  async function dialAgain(): Promise<void> {
    while (state === 'reconnecting') {
      if (patience.isOver) return become('failed', reason)
      await patience.wait(closing.signal)
      if (state !== 'reconnecting') return
      try {
        if (!(await renewProposal())) return become('failed', 'provider-raised-price')
        const next = await dial()
        if (state !== 'reconnecting') return await next.stop('disconnected')
        return begin(next)
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        if (closing.signal.aborted) return
        log(`${provider} again: ${fault.code}`)
        if (fault.code === 'budget-spent') return become('failed', fault.code)
        become(state, fault.code)
      }
    }
  }

  return {
    get view() {
      const { description, listening } = session?.isLive ? session.tunnel : {}
      const warning = session?.isLive ? session.warning : undefined
      return {
        id: options.id,
        state,
        provider,
        country: proposal.location.country,
        serviceType,
        ...totals(),
        path: session?.path ?? 'link',
        ...(description === undefined ? {} : { description }),
        ...(listening === undefined ? {} : { listening }),
        ...(connectedAtMs === undefined ? {} : { connectedAtMs }),
        ...(reason === undefined ? {} : { reason }),
        ...(warning === undefined ? {} : { warning }),
      }
    },

    async open() {
      become('connecting')
      try {
        const first = await dial()
        if (closing.signal.aborted) {
          await first.stop('disconnected')
          throw new Fault('connection-closed', { provider })
        }
        begin(first)
      } catch (fault) {
        become('failed', fault instanceof Fault ? fault.code : 'internal')
        throw fault
      }
    },

    async disconnect() {
      closing.abort(new Fault('connection-closed', { provider }))
      const ending = session
      become('disconnecting')
      await (ending?.isLive ? ending.finish('disconnected') : ending?.stop('disconnected'))
      await atMost(dialEndMs, redialling)
      become('not-connected')
    },
  }
}
