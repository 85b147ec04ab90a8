/**
 * Provider mode: offers services, takes sessions on them, and is paid.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import {
  type Agreed,
  type Clock,
  deskKey,
  type ExchangeDesk,
  endedState,
  type NodeKeys,
  openAgreementBook,
  openConsumerBook,
  openCreditBook,
  type PaymentPolicy,
  recordOf,
} from '@myst/billing'
import type { Link } from '@myst/link'
import { acceptPromise, addressPrefix, type InvoicerTerms, type ItemOutcome, startInvoicing } from '@myst/payments'
import {
  type Address,
  type Bytes32,
  type Crypto,
  channelAddress,
  decodeMessage,
  emptySchema,
  encodeMessage,
  endReplySchema,
  Fault,
  type Invoice,
  type NetworkProfile,
  type Price,
  paymentMessageSchema,
  paymentProtocol,
  type SignedPromise,
  sessionAcceptSchema,
  sessionProtocol,
  type ToProvider,
  toHex,
  toProviderSchema,
} from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import type { Offer } from '@myst/vpn'
import { carrierOf } from '../session-carrier.ts'
import { type ProviderSession, runProviderSession } from './provider-session.ts'
import { type CheckedRequest, checkSessionRequest } from './session-request.ts'

export interface OfferedService {
  readonly offer: Offer
  /** Seq and price of the proposals that are still alive. */
  readonly prices: ReadonlyMap<bigint, Price>
}

export interface Provider {
  /** Answers sessions on a link that somebody opened to us. */
  welcome(link: Link): void
  /** The accountant's verdicts on what the desk exchanged. */
  credited(outcomes: readonly ItemOutcome[]): void
  readonly sessions: readonly ProviderSession[]
  close(): Promise<void>
}

export interface ProviderDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly desks: () => ReadonlyMap<Address, ExchangeDesk>
  readonly serviceOf: (serviceType: string) => OfferedService | undefined
  /** A session was accepted: what the tunnel's own path needs can start now. */
  readonly onSession: (link: Link, session: ProviderSession, usePath: UsePath | undefined) => void
  readonly log: (line: string) => void
}

type UsePath = NonNullable<Awaited<ReturnType<Offer['accept']>>['usePath']>

export interface ProviderOptions {
  readonly keys: NodeKeys
  readonly profile: NetworkProfile
  readonly policy: PaymentPolicy
}

/** Sessions at once; each holds a tunnel, a link and a few timers. */
const maxSessions = 1000
/** Of the agreements that were made before the capacity was kept. */
const noLimit = 2n ** 256n - 1n
/** A consumer that comes back has lost its old link, most likely: its answer there is not waited for longer. */
const replaceWaitMs = 2_000

export function createProvider(deps: ProviderDeps, { keys, profile, policy }: ProviderOptions): Provider {
  const { crypto, clock, store, log } = deps
  const sessions = new Map<Bytes32, ProviderSession>()
  /** A session is spoken of on its own link only: it belongs to who opened it. */
  const linked = new WeakMap<Link, ProviderSession>()
  /** Links whose session is being opened: each holds its place among the sessions already. */
  const opening = new Set<Link>()
  let stopping = false
  const agreements = openAgreementBook({ store, clock }, (id) => sessions.has(id))
  const consumers = openConsumerBook(store)
  const firstCredits = openCreditBook({ store, clock }, policy.firstCreditLimits)
  const prefixes = new Map<Bytes32, string>()

  function termsOf(agreementId: Bytes32, { consumer, accountant, price, capacity = noLimit }: Agreed): InvoicerTerms {
    const { firstCredit, maxCredit, firstInvoiceAmount, dueAmount, minDelta, minInvoiceMs, maxInvoiceMs, graceMs } =
      policy
    return {
      consumer,
      provider: keys.identity,
      agreementId,
      channel: { chainId: profile.chainId, channel: channelAddress(crypto, profile.contracts, consumer, accountant) },
      price,
      capacity,
      firstCredit,
      maxCredit,
      firstInvoiceAmount,
      dueAmount,
      minDelta,
      minInvoiceMs,
      maxInvoiceMs,
      graceMs,
    }
  }

  /** Who left an invoice unpaid pays first; a payer we know is served on credit at once; for others the buckets decide. */
  function creditFor(link: Link, agreementId: Bytes32, consumer: Address): bigint {
    const { credited, leftUnpaid } = consumers.get(consumer)
    if (leftUnpaid) return 0n
    if (credited) return policy.firstCredit
    const prefix = addressPrefix(link.remoteEndpoint.host)
    if (!firstCredits.grant(prefix, policy.firstCredit)) return 0n
    prefixes.set(agreementId, prefix)
    return policy.firstCredit
  }

  /** Link and place are taken before the first wait: one request, sent many times at once, opens one session. */
  async function open(link: Link, checked: CheckedRequest): Promise<Uint8Array> {
    if (linked.has(link) || opening.has(link)) throw new Fault('session-already-open')
    if (sessions.size + opening.size >= maxSessions) throw new Fault('session-provider-full')
    opening.add(link)
    try {
      return await openReserved(link, checked)
    } finally {
      opening.delete(link)
    }
  }

  async function openReserved(link: Link, checked: CheckedRequest): Promise<Uint8Array> {
    const { request, accountant, statement } = checked
    const desk = deps.desks().get(accountant.address)
    const service = deps.serviceOf(request.serviceType)
    if (desk === undefined || service === undefined || stopping) throw new Fault('session-service-unknown')
    await replaceSessions(request.consumer, request.serviceType)
    const id = new Uint8Array(randomBytes(16))
    const agreementId = toHex(randomBytes(32))
    const { consumer, price } = request
    const agreed = { consumer, accountant: accountant.address, price, capacity: statement.capacity }
    const terms = paced(termsOf(agreementId, agreed), request.pace)
    const tunnel = await service.offer.accept({
      sessionId: toHex(id).slice(2),
      parameters: request.parameters,
      carrier: carrierOf(link),
    })
    try {
      const credit = creditFor(link, agreementId, consumer)
      if (credit === 0n) await tunnel.pause()
      const gone = stopping || deps.serviceOf(request.serviceType) !== service
      if (gone) throw new Fault('session-service-unknown')
      const [state, first] = startInvoicing(terms, clock.elapsedMs(), desk.hashlock, credit)
      agreements.put(agreementId, recordOf(agreed, state))
      // Whoever has taken too much without proof is promised nothing more: what runs ends, too.
      const overLimit = () => desk.stopped || desk.standing.uncredited > policy.exposureLimit
      const session = runProviderSession(
        { crypto, clock, agreements, link, tunnel, desk, overLimit, log },
        { id, serviceType: request.serviceType, terms, state, agreed },
      )
      sessions.set(agreementId, session)
      linked.set(link, session)
      session.ended.then(() => forget(agreementId, session)).catch(logFailure)
      deps.onSession(link, session, tunnel.usePath?.bind(tunnel))
      log(`session with ${consumer} (${request.serviceType})`)
      const invoice: Invoice = { agreementId, ...first, durationMs: 0n, bytes: 0n }
      return encodeMessage(sessionAcceptSchema, { sessionId: id, agreementId, parameters: tunnel.parameters, invoice })
    } catch (fault) {
      await tunnel.close().catch(logFailure)
      throw fault
    }
  }

  async function replaceSessions(consumer: Address, serviceType: string): Promise<void> {
    const replaced = [...sessions.values()].filter((session) => {
      return session.consumer === consumer && session.serviceType === serviceType
    })
    if (replaced.length === 0) return
    const waiting = new AbortController()
    const ended = Promise.all(replaced.map((session) => session.end('replaced')))
    const late = setTimeout(replaceWaitMs, undefined, { signal: waiting.signal }).catch(() => {})
    await Promise.race([ended, late])
    waiting.abort()
  }

  function forget(agreementId: Bytes32, { consumer, state }: ProviderSession): void {
    sessions.delete(agreementId)
    if (state.invoicedTotal > state.paidTotal) consumers.note(consumer, { leftUnpaid: true })
    removeIfDone(agreementId)
  }

  /** All is paid and credited: nothing of an ended session is needed any more. */
  function removeIfDone(id: Bytes32): void {
    const record = agreements.get(id)
    if (record === undefined || sessions.has(id)) return
    if (record.issued.length === 0 && record.creditedTotal >= record.paidTotal) agreements.remove(id)
  }

  const logFailure = (cause: unknown) => log(`provider: ${cause instanceof Error ? cause.message : cause}`)

  function sessionOf(link: Link, sessionId: Uint8Array): ProviderSession {
    const key = toHex(sessionId)
    const session = linked.get(link)
    if (session === undefined || toHex(session.id) !== key) throw new Fault('session-unknown')
    return session
  }
  async function answer(link: Link, message: ToProvider): Promise<Uint8Array> {
    switch (message.kind) {
      case 'open': {
        const checked = checkSessionRequest(crypto, message.request, {
          profile,
          provider: keys.identity,
          handshakeHash: link.handshakeHash,
          nowMs: clock.nowMs(),
          accountants: [...deps.desks().values()].filter(({ stopped }) => !stopped).map(({ accountant }) => accountant),
          leastFree: 100n * policy.firstInvoiceAmount,
          priceOf: (serviceType, seq) => deps.serviceOf(serviceType)?.prices.get(seq),
        })
        if (!checked.ok) throw new Fault(checked.refusal.code)
        return open(link, checked.value)
      }
      case 'keep-alive':
        sessionOf(link, message.sessionId).heard()
        return encodeMessage(emptySchema, {})
      case 'end': {
        const session = sessionOf(link, message.sessionId)
        const invoice = await session.finish()
        return encodeMessage(endReplySchema, invoice === undefined ? {} : { invoice })
      }
    }
  }

  /** On a link with a session of that consumer only: whoever comes back to pay opens one first. */
  function takePromise(link: Link, signed: SignedPromise): void {
    if (linked.get(link)?.consumer !== signed.consumer) return
    const { agreement } = signed.promise
    const session = sessions.get(agreement.id)
    if (session !== undefined) return session.pay(signed)
    takeLatePromise(signed)
  }

  /** Of a session that a crash ended, here or there: it counts all the same. */
  function takeLatePromise(signed: SignedPromise): void {
    const { agreement } = signed.promise
    const record = agreements.get(agreement.id)
    const desk = record && deps.desks().get(record.accountant)
    if (record === undefined || desk === undefined) return
    const accepted = acceptPromise(crypto, endedState(record), termsOf(agreement.id, record), signed)
    if (!accepted.ok) return log(`late promise of ${record.consumer} refused: ${accepted.refusal.code}`)
    desk.add(deskKey(record.consumer, agreement.id), signed, true)
    agreements.put(agreement.id, recordOf(record, accepted.value))
    if (accepted.value.issued.length === 0) consumers.note(record.consumer, { leftUnpaid: false })
  }

  return {
    welcome(link) {
      link.onRequest(sessionProtocol, async (body) => {
        const message = decodeMessage(toProviderSchema, body)
        if (!message.ok) throw new Fault(message.refusal.code)
        return answer(link, message.value)
      })
      link.onRequest(paymentProtocol, (body) => {
        const message = decodeMessage(paymentMessageSchema, body)
        if (!message.ok || message.value.kind !== 'promises') throw new Fault('message-invalid')
        for (const signed of message.value.promises) takePromise(link, signed)
        return encodeMessage(emptySchema, {})
      })
    },
    credited(outcomes) {
      for (const { signed, verdict } of outcomes) {
        const { id, total } = signed.promise.agreement
        const session = sessions.get(id)
        if (verdict.code === undefined) {
          consumers.note(signed.consumer, { credited: true })
          if (session === undefined) creditEnded(id, total)
          else session.credit(total)
          const prefix = prefixes.get(id)
          if (prefix !== undefined) firstCredits.giveBack(prefix)
          prefixes.delete(id)
        } else {
          log(`the accountant refuses a promise of ${signed.consumer}: ${verdict.code}`)
          if (verdict.final !== true) continue
          // What it promised was never ours: whoever draws twice on one channel does not come back to live on credit.
          consumers.note(signed.consumer, { leftUnpaid: true })
          void session?.end(verdict.code)
        }
      }
    },
    get sessions() {
      return [...sessions.values()]
    },
    async close() {
      stopping = true
      await Promise.all([...sessions.values()].map((session) => session.end('provider-stops')))
    },
  }

  function creditEnded(id: Bytes32, total: bigint): void {
    const record = agreements.get(id)
    if (record === undefined) return
    agreements.put(id, { ...record, creditedTotal: total })
    removeIfDone(id)
  }
}

/** The consumer's pace slows the provider's, never hurries it. */
function paced(terms: InvoicerTerms, pace: CheckedRequest['request']['pace']): InvoicerTerms {
  const minInvoiceMs = Math.max(terms.minInvoiceMs, pace.minInvoiceMs)
  return {
    ...terms,
    minInvoiceMs,
    maxInvoiceMs: Math.max(minInvoiceMs, Math.min(terms.maxInvoiceMs, pace.maxInvoiceMs)),
  }
}
