/**
 * One connection of a consumer: link, tunnel, payments, keep-alive; dialled again when the provider is lost.
 *
 * @module
 */

import type { Link, LinkNode } from '@myst/link'
import type { PayerTerms } from '@myst/payments'
import {
  type CapacityStatement,
  type Crypto,
  decodeMessage,
  encodeMessage,
  endReplySchema,
  Fault,
  type Invoice,
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
  sessionAcceptSchema,
  sessionProtocol,
  sessionRequestContent,
  signContent,
  type ToProvider,
  toConsumerSchema,
  toProviderSchema,
} from '@myst/protocol'
import type { ConsumerDriver, ConsumerTunnel, Endpoint, TrafficStats, TunnelPath } from '@myst/vpn'
import type { Clock } from '../clock.ts'
import type { FundsReader } from '../funds.ts'
import type { NodeKeys } from '../keys.ts'
import type { ConnectionState, ConnectionView } from '../node-core.ts'
import { carrierOf } from '../session-carrier.ts'
import type { PayerBook } from './payer-book.ts'

export interface ConnectionDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly linkNode: LinkNode
  readonly driver: ConsumerDriver
  readonly book: PayerBook
  readonly funds: FundsReader
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

const keepAliveMs = 2000
/** Dialling a provider that was just lost: it restarts in a tenth of a second, or it is gone. */
const redialMs = { first: 250, most: 4000, giveUpAfter: 60_000 } as const

/** One session: what there is between an accept and its end. */
interface Live {
  readonly link: Link
  readonly tunnel: ConsumerTunnel
  readonly accept: SessionAccept
  readonly startedMs: number
  readonly stopping: AbortController
}

export function createConnection(deps: ConnectionDeps, options: ConnectionOptions): Connection {
  const { crypto, clock, book, log } = deps
  const { keys, profile } = options
  let proposal = options.proposal
  const { provider, serviceType } = proposal
  let state: ConnectionState = 'not-connected'
  let reason: string | undefined
  let live: Live | undefined
  let terms: PayerTerms | undefined
  let invoicedAtMs: number | undefined
  let stats: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  /** Of sessions before the last redial. */
  let before = { sentBytes: 0n, receivedBytes: 0n, spent: 0n }
  let promises = 0
  let path: ConnectionView['path'] = 'link'
  let connectedAtMs: number | undefined
  let listen = options.listen

  function become(next: ConnectionState, why?: string): void {
    state = next
    reason = why
    deps.onChange()
  }

  async function openSession(): Promise<Live> {
    const capacity = await deps.capacityStatement()
    const link = await deps.linkNode.connect(proposal.transportKey, { ephemeral: true, setup: listenTo })
    try {
      return await openOn(link, capacity)
    } catch (fault) {
      await link.close('session-not-opened')
      throw fault
    }
  }

  async function openOn(link: Link, capacity: SignedContent): Promise<Live> {
    const keepOutside = [link.remoteEndpoint.host, ...profile.bootstrap.map(hostOf), ...serviceHosts(profile)]
    const prepared = await deps.driver.prepare({ keepOutside, ...(listen === undefined ? {} : { listen }) })
    try {
      const accept = await ask(link, sessionAcceptSchema, {
        kind: 'open',
        request: signRequest(link, prepared.parameters, capacity),
      })
      const tunnel = await prepared.open(accept.parameters, carrierOf(link))
      return { link, tunnel, accept, startedMs: clock.elapsedMs(), stopping: new AbortController() }
    } catch (fault) {
      await prepared.close()
      throw fault
    }
  }

  function signRequest(link: Link, parameters: Uint8Array, capacity: SignedContent): SignedContent {
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
      ...(options.budget === undefined ? {} : { budget: options.budget }),
    }
    return signContent(crypto, { networkId: profile.networkId }, sessionRequestContent, request, keys.privateKey)
  }

  async function ask<T>(link: Link, schema: Schema<T>, message: ToProvider): Promise<T> {
    const reply = decodeMessage(schema, await link.request(sessionProtocol, encodeMessage(toProviderSchema, message)))
    if (!reply.ok) throw new Fault('provider-answer-invalid', { code: reply.refusal.code })
    return reply.value
  }

  /** Registered before the provider's first message can arrive. */
  function listenTo(link: Link): void {
    link.onRequest(paymentProtocol, async (body) => {
      const message = decodeMessage(paymentMessageSchema, body)
      if (!message.ok || message.value.kind !== 'invoice') throw new Fault('message-invalid')
      return encodeMessage(promiseReplySchema, await answer(message.value.invoice))
    })
    link.onRequest(sessionProtocol, (body) => {
      const message = decodeMessage(toConsumerSchema, body)
      if (!message.ok) throw new Fault(message.refusal.code)
      if (message.value.kind === 'resume') become(state)
      else become(state, message.value.reason)
      if (message.value.kind === 'end') log(`${provider} ends the session: ${message.value.reason}`)
      return new Uint8Array([0xa0])
    })
  }

  async function answer(invoice: Invoice): Promise<PromiseReply> {
    if (live === undefined || terms === undefined) return { kind: 'refused', code: 'invoice-no-session' }
    stats = await live.tunnel.stats()
    const nowMs = clock.elapsedMs()
    const usage = { durationMs: BigInt(nowMs - live.startedMs), bytes: stats.sentBytes + stats.receivedBytes }
    const { capacity } = await deps.funds.read()
    const facts = {
      nowMs,
      usage,
      capacity,
      sessionOpen: true,
      ...(invoicedAtMs === undefined ? {} : { invoicedAtMs }),
    }
    const answered = book.answer(invoice, terms, facts)
    if (!answered.ok) {
      log(`invoice of ${provider} refused: ${answered.refusal.code}`)
      become(state, answered.refusal.code)
      return { kind: 'refused', code: answered.refusal.code }
    }
    invoicedAtMs = nowMs
    promises += 1
    deps.onChange()
    return { kind: 'promised', promise: answered.value }
  }

  async function begin(session: Live): Promise<void> {
    live = session
    invoicedAtMs = undefined
    const { agreementId } = session.accept
    terms = {
      provider,
      agreementId,
      price: proposal.price,
      pace: options.pace,
      ...(options.budget === undefined ? {} : { budget: options.budget }),
    }
    listen = session.tunnel.listening ?? listen
    path = 'link'
    connectedAtMs ??= clock.nowMs()
    become('connected')
    void session.link.closed.then((why) => lost(session, why))
    void stayAlive(session)
    void improvePath(session)
    await payFirst(session)
  }

  /** What a crash left on record is repeated first; then the first invoice, which came with the accept. */
  async function payFirst(session: Live): Promise<void> {
    const { agreementId, invoice } = session.accept
    const recorded = book.recorded(provider).filter(({ promise }) => promise.agreement.id !== agreementId)
    const first = await answer(invoice)
    const sent = first.kind === 'promised' ? [...recorded, first.promise] : recorded
    await session.link.request(
      paymentProtocol,
      encodeMessage(paymentMessageSchema, { kind: 'promises', promises: sent.slice(0, maxRepeated) }),
    )
    for (const { promise } of recorded) book.forget(provider, promise.agreement.id)
  }

  async function stayAlive({ link, accept, stopping }: Live): Promise<void> {
    const message = encodeMessage(toProviderSchema, { kind: 'keep-alive', sessionId: accept.sessionId })
    while (!stopping.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, keepAliveMs))
      if (stopping.signal.aborted) return
      try {
        await link.request(sessionProtocol, message, { timeoutMs: 4 * keepAliveMs, signal: stopping.signal })
        if (live?.link === link) stats = await live.tunnel.stats()
      } catch (fault) {
        if (stopping.signal.aborted) return
        log(`keep-alive to ${provider}: ${(fault as Error).message}`)
        await link.close('keep-alive-lost')
        return
      }
    }
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

  async function stop(session: Live, why: string): Promise<void> {
    if (live === session) live = undefined
    session.stopping.abort()
    stats = await Promise.resolve(session.tunnel.stats()).catch(() => stats)
    before = {
      sentBytes: before.sentBytes + stats.sentBytes,
      receivedBytes: before.receivedBytes + stats.receivedBytes,
      spent: before.spent + book.spentOn(provider, session.accept.agreementId),
    }
    stats = { sentBytes: 0n, receivedBytes: 0n }
    await session.tunnel.close()
    await session.link.close(why)
  }

  async function lost(session: Live, why: string): Promise<void> {
    if (live !== session) return
    log(`${provider} lost: ${why}`)
    become('reconnecting', reason ?? why)
    await stop(session, why)
    await redial(clock.elapsedMs())
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

  async function redial(sinceMs: number): Promise<void> {
    for (let waitMs: number = redialMs.first; state === 'reconnecting'; waitMs = Math.min(2 * waitMs, redialMs.most)) {
      try {
        if (!(await renewProposal())) return become('failed', 'provider-raised-price')
        const session = await openSession()
        if (state !== 'reconnecting') return stop(session, 'disconnected')
        return await begin(session)
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault
        log(`${provider} again: ${fault.code}`)
        if (clock.elapsedMs() - sinceMs > redialMs.giveUpAfter) return become('failed', fault.code)
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs))
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
      }
    },

    async open() {
      become('connecting')
      try {
        await begin(await openSession())
      } catch (fault) {
        become('failed', fault instanceof Fault ? fault.code : 'internal')
        throw fault
      }
    },

    async disconnect() {
      const session = live
      become('disconnecting')
      if (session !== undefined) {
        await settleUp(session).catch((fault: Error) => log(`last payment to ${provider}: ${fault.message}`))
        await stop(session, 'disconnected')
      }
      become('not-connected')
    },
  }

  /** The last stretch is invoiced and paid; the provider then has all it can have. */
  async function settleUp(session: Live): Promise<void> {
    const { sessionId, agreementId } = session.accept
    const reply = await ask(session.link, endReplySchema, { kind: 'end', sessionId, reason: 'disconnect' })
    if (reply.invoice !== undefined) {
      const last = await answer(reply.invoice)
      if (last.kind === 'refused') return
      await session.link.request(
        paymentProtocol,
        encodeMessage(paymentMessageSchema, { kind: 'promises', promises: [last.promise] }),
      )
    }
    before = { ...before, spent: before.spent + book.spentOn(provider, agreementId) }
    book.forget(provider, agreementId)
  }
}

/** A message takes this many; older ones were for less than the newest anyway. */
const maxRepeated = 64

const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'))

/** What must be reached beside the tunnel: chain, accountants, transactors. */
const serviceHosts = (profile: NetworkProfile): string[] =>
  [...profile.rpcUrls, ...profile.transactorUrls, ...profile.accountants.map(({ url }) => url)].map(
    (url) => new URL(url).hostname,
  )
