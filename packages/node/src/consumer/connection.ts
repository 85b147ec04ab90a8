/**
 * One connection of a consumer: link, tunnel, payments, keep-alive; dialled again when the provider is lost.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import type { Clock, NodeKeys, PayerBook } from '@myst/billing'
import type { Link, LinkNode } from '@myst/link'
import type { PayerTerms } from '@myst/payments'
import {
  type CapacityStatement,
  type Crypto,
  capacityStatementContent,
  decodeMessage,
  emptySchema,
  encodeMessage,
  endReplySchema,
  Fault,
  type Invoice,
  minOf,
  type NetworkProfile,
  type Pace,
  type PromiseReply,
  type Proposal,
  paymentMessageSchema,
  paymentProtocol,
  promiseReplySchema,
  type Schema,
  type SessionAccept,
  type SessionRequest,
  type SignedContent,
  type SignedPromise,
  sessionAcceptSchema,
  sessionProtocol,
  sessionRequestContent,
  signContent,
  type ToConsumer,
  type ToProvider,
  toConsumerSchema,
  toProviderSchema,
} from '@myst/protocol'
import type { ConsumerDriver, ConsumerTunnel, Endpoint, TrafficStats, TunnelPath } from '@myst/vpn'
import type { FundsReader } from '../funds.ts'
import type { ConnectionState, ConnectionView } from '../node-core.ts'
import { carrierOf } from '../session-carrier.ts'
import { type Debtor, type Limit, lookEveryMs } from './money-left.ts'
import { type MoneyWatch, watchMoney } from './money-watch.ts'

export interface ConnectionDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly linkNode: LinkNode
  readonly driver: ConsumerDriver
  readonly book: PayerBook
  readonly funds: FundsReader
  /** The live sessions of the channel, those of other connections among them. */
  readonly debtors: Set<Debtor>
  /** The accountant's statement of what our channel can still promise. */
  readonly capacityStatement: () => Promise<SignedContent>
  /** Looks for a path of the tunnel's own; undefined where there is none. Runs while the tunnel already works. */
  readonly findPath: (link: Link, signal: AbortSignal) => Promise<TunnelPath | undefined>
  /** The provider's newest proposal of this service: after a restart it has another seq. */
  readonly newestProposal: () => Promise<Proposal | undefined>
  readonly onChange: () => void
  readonly log: (line: string) => void
}

export interface ConnectionOptions {
  readonly id: string
  readonly keys: NodeKeys
  readonly profile: NetworkProfile
  readonly proposal: Proposal
  readonly accountant: CapacityStatement['consumer']
  readonly channel: CapacityStatement['channel']
  readonly pace: Pace
  /** The most this session may cost. */
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

const keepAliveMs = lookEveryMs
/** Dialling a provider that was just lost: it restarts in a tenth of a second, or it is gone. */
const redialMs = { first: 250, most: 4000, giveUpAfter: 60_000 } as const
/** A session that lived this long was one: before that, patience and waits go on from the last loss. */
const steadyMs = 30_000
/** The provider's answer to the end and to the last promise; the person waits for it. */
const partingMs = 3_000
/** One session: what there is between an accept and its end. */
interface Live {
  readonly link: Link
  readonly tunnel: ConsumerTunnel
  readonly accept: SessionAccept
  readonly terms: PayerTerms
  readonly startedMs: number
  readonly money: MoneyWatch
  /** What the provider was shown: a top-up since then it doesn't know of. */
  readonly shownCapacity: bigint
  readonly stopping: AbortController
  invoicedAtMs?: number
  /** The last invoice is being paid: none but that is answered any more. */
  parting?: boolean
  /** What the provider said when it ended the session: nobody is dialled again then. */
  endReason?: string
  /** Its money is being looked at. */
  isLooking?: boolean
  stopped?: Promise<void>
}

export function createConnection(deps: ConnectionDeps, options: ConnectionOptions): Connection {
  const { crypto, clock, book, log } = deps
  const { keys, profile } = options
  let proposal = options.proposal
  const { provider, serviceType } = proposal
  let state: ConnectionState = 'not-connected'
  let reason: string | undefined
  let live: Live | undefined
  let stats: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  /** Of sessions before the last redial. */
  let before = { sentBytes: 0n, receivedBytes: 0n, spent: 0n }
  let promises = 0
  let path: ConnectionView['path'] = 'link'
  let connectedAtMs: number | undefined
  let listen = options.listen
  const closing = new AbortController()
  /** Said by a provider between its accept and our beginning: heard then, or we would dial again who has sent us away. */
  const early = new WeakMap<Link, ToConsumer>()
  /** After a top-up: the accountant's statement must say more than this, or the provider would be dialled in vain. */
  let stateAbove: bigint | undefined
  let patience: { sinceMs: number; waitMs: number } = { sinceMs: 0, waitMs: redialMs.first }

  function become(next: ConnectionState, why?: string): void {
    state = next
    reason = why
    deps.onChange()
  }

  async function openSession(): Promise<Live> {
    const budget = options.budget === undefined ? undefined : options.budget - before.spent
    if (budget !== undefined && budget <= 0n) throw new Fault('budget-spent', { budget: options.budget })
    const capacity = await deps.capacityStatement()
    if (stateAbove !== undefined && capacityIn(capacity) <= stateAbove) {
      throw new Fault('top-up-not-stated', { accountant: options.accountant, capacity: stateAbove })
    }
    const { signal } = closing
    const link = await deps.linkNode.connect(proposal.transportKey, { ephemeral: true, setup: listenTo, signal })
    try {
      return await openOn(link, capacity, budget)
    } catch (fault) {
      await link.close('session-not-opened')
      throw fault
    }
  }

  async function openOn(link: Link, capacity: SignedContent, budget: bigint | undefined): Promise<Live> {
    const keepOutside = [link.remoteEndpoint.host, ...profile.bootstrap.map(hostOf), ...serviceHosts(profile)]
    const prepared = await deps.driver.prepare({ keepOutside, ...(listen === undefined ? {} : { listen }) })
    try {
      const request = signRequest(link, prepared.parameters, capacity, budget)
      const accept = await ask(link, sessionAcceptSchema, { kind: 'open', request })
      const tunnel = await prepared.open(accept.parameters, carrierOf(link))
      const terms: PayerTerms = {
        provider,
        agreementId: accept.agreementId,
        price: proposal.price,
        pace: options.pace,
        ...(budget === undefined ? {} : { budget }),
      }
      const shownCapacity = capacityIn(capacity)
      const money = watchMoney(deps, { terms, shownCapacity })
      const started = { startedMs: clock.elapsedMs(), stopping: new AbortController() }
      return { link, tunnel, accept, terms, money, shownCapacity, ...started }
    } catch (fault) {
      await prepared.close()
      throw fault
    }
  }

  function signRequest(
    link: Link,
    parameters: Uint8Array,
    capacity: SignedContent,
    budget: bigint | undefined,
  ): SignedContent {
    const request: SessionRequest = {
      networkId: profile.networkId,
      consumer: keys.identity,
      provider,
      handshakeHash: link.handshakeHash,
      serviceType,
      serviceVersion: proposal.serviceVersion,
      proposalSeq: proposal.seq,
      price: proposal.price,
      accountant: options.accountant,
      channel: options.channel,
      capacity,
      pace: options.pace,
      parameters,
      issuedAtMs: BigInt(clock.nowMs()),
      ...(budget === undefined ? {} : { budget }),
    }
    return signContent(crypto, { networkId: profile.networkId }, sessionRequestContent, request, keys.privateKey)
  }

  async function ask<T>(link: Link, schema: Schema<T>, message: ToProvider, timeoutMs?: number): Promise<T> {
    const body = encodeMessage(toProviderSchema, message)
    const answer = await link.request(sessionProtocol, body, timeoutMs === undefined ? {} : { timeoutMs })
    const reply = decodeMessage(schema, answer)
    if (!reply.ok) throw new Fault('provider-answer-invalid', { code: reply.refusal.code })
    return reply.value
  }

  /** Registered before the provider's first message can arrive. */
  function listenTo(link: Link): void {
    link.onRequest(paymentProtocol, async (body) => {
      const message = decodeMessage(paymentMessageSchema, body)
      if (!message.ok || message.value.kind !== 'invoice') throw new Fault('message-invalid')
      const session = live?.link === link && live.parting !== true ? live : undefined
      const reply: PromiseReply =
        session === undefined
          ? { kind: 'refused', code: 'invoice-no-session' }
          : await answer(session, message.value.invoice)
      return encodeMessage(promiseReplySchema, reply)
    })
    link.onRequest(sessionProtocol, (body) => {
      const message = decodeMessage(toConsumerSchema, body)
      if (!message.ok) throw new Fault(message.refusal.code)
      if (live?.link === link) hear(live, message.value)
      else early.set(link, message.value)
      return encodeMessage(emptySchema, {})
    })
  }

  function hear(session: Live, message: ToConsumer): void {
    if (message.kind === 'end') {
      session.endReason = message.reason
      log(`${provider} ends the session: ${message.reason}`)
    }
    become(state, message.kind === 'resume' ? undefined : message.reason)
  }

  function count(session: Live, measured: TrafficStats): void {
    stats = measured
    session.money.count(measured)
  }

  async function answer(session: Live, invoice: Invoice): Promise<PromiseReply> {
    const measured = await session.tunnel.stats()
    const { capacity } = await deps.funds.read()
    // While we looked, the session may have been lost: then its row is no longer ours to write.
    if (live !== session) return { kind: 'refused', code: 'invoice-no-session' }
    count(session, measured)
    const nowMs = clock.elapsedMs()
    const { usage } = session.money
    const { invoicedAtMs } = session
    const promisable = minOf(capacity, session.shownCapacity)
    const facts = { nowMs, usage, capacity: promisable, sessionOpen: true }
    const answered = book.answer(
      invoice,
      session.terms,
      invoicedAtMs === undefined ? facts : { ...facts, invoicedAtMs },
    )
    if (!answered.ok) {
      log(`invoice of ${provider} refused: ${answered.refusal.code}`)
      become(state, answered.refusal.code)
      return { kind: 'refused', code: answered.refusal.code }
    }
    session.invoicedAtMs = nowMs
    promises += 1
    deps.onChange()
    return { kind: 'promised', promise: answered.value }
  }

  /** The tunnel works from here on; payment goes on beside it. */
  function begin(session: Live): void {
    live = session
    book.open(session.accept.agreementId)
    listen = session.tunnel.listening ?? listen
    path = 'link'
    connectedAtMs ??= clock.nowMs()
    stateAbove = undefined
    become('connected')
    const said = early.get(session.link)
    if (said !== undefined) hear(session, said)
    void session.link.closed.then((why) => lost(session, why))
    void stayAlive(session)
    void improvePath(session)
    payFirst(session).catch((fault: Error) => lost(session, `first payment: ${fault.message}`))
  }

  /** The first invoice came with the accept; with its promise go those that a crash left on record. */
  async function payFirst(session: Live): Promise<void> {
    const recorded = book.recorded(provider).slice(-maxRepeated)
    const first = await answer(session, session.accept.invoice)
    const sent = first.kind === 'promised' ? [first.promise, ...recorded] : recorded
    await sendPromises(session, sent)
    for (const { promise } of recorded) book.close(provider, promise.agreement.id, true)
  }

  async function sendPromises({ link }: Live, sent: readonly SignedPromise[], timeoutMs?: number): Promise<void> {
    const body = encodeMessage(paymentMessageSchema, { kind: 'promises', promises: sent })
    await link.request(paymentProtocol, body, timeoutMs === undefined ? {} : { timeoutMs })
  }

  async function stayAlive(session: Live): Promise<void> {
    const { link, accept, stopping } = session
    const message = encodeMessage(toProviderSchema, { kind: 'keep-alive', sessionId: accept.sessionId })
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, keepAliveMs))
      if (stopping.signal.aborted) return
      try {
        await link.request(sessionProtocol, message, { timeoutMs: 4 * keepAliveMs, signal: stopping.signal })
        const measured = await session.tunnel.stats()
        if (live === session) count(session, measured)
        // Not awaited: a chain that hangs must not make us silent.
        if (live === session) checkMoney(session)
      } catch (fault) {
        if (stopping.signal.aborted) return
        lost(session, `keep-alive: ${(fault as Error).message}`)
        return
      }
    }
  }

  function checkMoney(session: Live): void {
    if (session.isLooking === true) return
    session.isLooking = true
    lookAtMoney(session)
      .catch(broken)
      .finally(() => {
        session.isLooking = false
      })
  }

  async function lookAtMoney(session: Live): Promise<void> {
    const before = session.money.warning
    const advice = await session.money.look()
    if (live !== session || session.parting === true) return
    if (advice.kind === 'end') return endFor(session, advice.reason)
    if (advice.kind === 'show-new-money') return renew(session)
    const { warning } = session.money
    if (warning === undefined && before === undefined) return
    if (warning !== undefined && before === undefined) {
      log(`${moneyWords[warning.limit]} in ${Math.ceil(warning.endsInMs / 60_000)} min at this pace`)
    }
    deps.onChange()
  }

  async function endFor(session: Live, why: string): Promise<void> {
    log(`${provider}: ${why}`)
    // Should it be lost meanwhile, nobody is dialled again.
    session.endReason = why
    const settled = await settleUp(session)
    if (live !== session) return
    await stop(session, why, settled)
    if (!closing.signal.aborted) become('failed', why)
  }

  /** The channel holds more than this provider was shown: another session shows it. */
  async function renew(session: Live): Promise<void> {
    become('reconnecting', 'topped-up')
    stateAbove = session.shownCapacity
    patience = { sinceMs: clock.elapsedMs(), waitMs: 0 }
    const settled = await settleUp(session)
    // Lost or disconnected meanwhile: that goes its own way.
    if (live !== session) return
    await stop(session, 'topped-up', settled)
    await redial()
  }

  async function improvePath({ link, tunnel, stopping }: Live): Promise<void> {
    if (tunnel.usePath === undefined) return
    try {
      const found = await deps.findPath(link, stopping.signal)
      if (found?.kind !== 'direct' || stopping.signal.aborted) return
      await tunnel.usePath(found)
      path = 'direct'
      deps.onChange()
    } catch (fault) {
      log(`no path of its own to ${provider}: ${(fault as Error).message}`)
    }
  }

  /** Every step is tried, and none of them fails the caller: a link must not stay because a firewall would not go. */
  function stop(session: Live, why: string, settled = false): Promise<void> {
    session.stopped ??= stopOnce(session, why, settled)
    return session.stopped
  }

  async function stopOnce(session: Live, why: string, settled: boolean): Promise<void> {
    if (live === session) live = undefined
    session.stopping.abort()
    session.money.close()
    const steps: (() => unknown)[] = [
      async () => {
        stats = await session.tunnel.stats()
      },
      () => {
        const { agreementId } = session.accept
        before = {
          sentBytes: before.sentBytes + stats.sentBytes,
          receivedBytes: before.receivedBytes + stats.receivedBytes,
          spent: before.spent + book.spentOn(provider, agreementId),
        }
        stats = { sentBytes: 0n, receivedBytes: 0n }
        book.close(provider, agreementId, settled)
      },
      () => session.tunnel.close(),
      () => session.link.close(why),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (fault) {
        log(`closing the session with ${provider}: ${(fault as Error).message}`)
      }
    }
  }

  function lost(session: Live, why: string): void {
    if (live !== session) return
    log(`${provider} lost: ${why}`)
    const { endReason } = session
    if (clock.elapsedMs() - session.startedMs >= steadyMs || patience.sinceMs === 0) {
      patience = { sinceMs: clock.elapsedMs(), waitMs: redialMs.first }
    }
    become('reconnecting', endReason ?? why)
    stop(session, why)
      .then(() => (endReason === undefined ? redial() : become('failed', endReason)))
      .catch(broken)
  }

  function broken(fault: Error): void {
    log(`${provider} again: ${fault.stack}`)
    become('failed', 'internal')
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

  async function redial(): Promise<void> {
    while (state === 'reconnecting') {
      if (clock.elapsedMs() - patience.sinceMs > redialMs.giveUpAfter) return become('failed', reason)
      await wait(patience.waitMs, undefined, { signal: closing.signal }).catch(() => {})
      patience = { ...patience, waitMs: Math.min(Math.max(2 * patience.waitMs, redialMs.first), redialMs.most) }
      if (state !== 'reconnecting') return
      try {
        if (!(await renewProposal())) return become('failed', 'provider-raised-price')
        const session = await openSession()
        if (state !== 'reconnecting') return await stop(session, 'disconnected')
        return begin(session)
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        log(`${provider} again: ${fault.code}`)
        if (fault.code === 'budget-spent') return become('failed', fault.code)
        become(state, fault.code)
      }
    }
  }

  return {
    get view() {
      const spentNow = live === undefined ? 0n : book.spentOn(provider, live.accept.agreementId)
      return {
        id: options.id,
        state,
        provider,
        country: proposal.location.country,
        serviceType,
        sentBytes: before.sentBytes + stats.sentBytes,
        receivedBytes: before.receivedBytes + stats.receivedBytes,
        spent: before.spent + spentNow,
        promises,
        path,
        ...(live === undefined ? {} : { description: live.tunnel.description }),
        ...(live?.tunnel.listening === undefined ? {} : { listening: live.tunnel.listening }),
        ...(connectedAtMs === undefined ? {} : { connectedAtMs }),
        ...(reason === undefined ? {} : { reason }),
        ...(live?.money.warning === undefined ? {} : { warning: live.money.warning }),
      }
    },

    async open() {
      become('connecting')
      try {
        const session = await openSession()
        if (closing.signal.aborted) {
          await stop(session, 'disconnected')
          throw new Fault('connection-closed', { provider })
        }
        begin(session)
      } catch (fault) {
        become('failed', fault instanceof Fault ? fault.code : 'internal')
        throw fault
      }
    },

    async disconnect() {
      closing.abort(new Fault('connection-closed', { provider }))
      const session = live
      become('disconnecting')
      if (session !== undefined) await stop(session, 'disconnected', await settleUp(session))
      become('not-connected')
    },
  }

  /** The last stretch is invoiced and paid. @returns whether the provider has all it can have. */
  async function settleUp(session: Live): Promise<boolean> {
    try {
      session.parting = true
      session.money.part()
      const { sessionId } = session.accept
      const end = { kind: 'end', sessionId, reason: 'disconnect' } as const
      const { invoice } = await ask(session.link, endReplySchema, end, partingMs)
      if (invoice === undefined) return true
      const last = await answer(session, invoice)
      if (last.kind === 'refused') return false
      await sendPromises(session, [last.promise], partingMs)
      return true
    } catch (fault) {
      log(`last payment to ${provider}: ${(fault as Error).message}`)
      return false
    }
  }
}

const moneyWords = {
  budget: 'the budget is spent',
  day: "the day's limit is reached",
  channel: 'the money is spent',
} as const satisfies Record<Limit, string>

/** What the statement says of our own channel; a provider that checks its signature would refuse a wrong one. */
function capacityIn({ content }: SignedContent): bigint {
  const statement = decodeMessage(capacityStatementContent.schema, content, capacityStatementContent.maxBytes)
  if (!statement.ok) throw new Fault('accountant-answer-invalid', { code: statement.refusal.code })
  return statement.value.capacity
}

/** Beside the first promise of a session; a message takes 64. */
const maxRepeated = 63

const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'))

/** What must be reached beside the tunnel: chain, accountants, transactors. */
const serviceHosts = (profile: NetworkProfile): string[] =>
  [...profile.rpcUrls, ...profile.transactorUrls, ...profile.accountants.map(({ url }) => url)].map(
    (url) => new URL(url).hostname,
  )
