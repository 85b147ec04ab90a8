/**
 * Provider mode: offers services, takes sessions on them, and is paid.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { openTill, type TillDeps, type TillOptions } from '@myst/billing'
import type { Link } from '@myst/link'
import type { ItemOutcome } from '@myst/payments'
import {
  type Address,
  assert,
  type Bytes32,
  decodeMessage,
  emptySchema,
  encodeMessage,
  endReplySchema,
  Fault,
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
  promisedBefore(agreementId: Bytes32): bigint
  readonly sessions: readonly ProviderSession[]
  close(): Promise<void>
}

export interface ProviderDeps extends TillDeps {
  readonly serviceOf: (serviceType: string) => OfferedService | undefined
  /** A session was accepted: what the tunnel's own path needs can start now. */
  readonly onSession: (link: Link, session: ProviderSession, usePath: UsePath | undefined) => void
}

type UsePath = NonNullable<Awaited<ReturnType<Offer['accept']>>['usePath']>

export interface ProviderOptions extends TillOptions {
  readonly profile: NetworkProfile
}

/** Sessions at once; each holds a tunnel, a link and a few timers. */
const maxSessions = 1000
/** A consumer that comes back has lost its old link, most likely: its answer there is not waited for longer. */
const replaceWaitMs = 2_000

export function createProvider(deps: ProviderDeps, { keys, profile, policy }: ProviderOptions): Provider {
  const { crypto, clock, mayEarn = () => true, log } = deps
  const sessions = new Map<Bytes32, ProviderSession>()
  /** A session is spoken of on its own link only: it belongs to who opened it. */
  const linked = new WeakMap<Link, ProviderSession>()
  /** Links whose session is being opened: each holds its place among the sessions already. */
  const opening = new Set<Link>()
  let stopping = false
  const till = openTill(deps, { keys, profile, policy })

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
    const { consumer, price, pace } = request
    const { host } = link.remoteEndpoint
    const tunnel = await service.offer.accept({
      sessionId: toHex(id).slice(2),
      parameters: request.parameters,
      carrier: carrierOf(link),
    })
    try {
      const customer = { agreementId, consumer, accountant: accountant.address, price, pace, host }
      const credit = till.creditFor(customer)
      if (credit === 0n) await tunnel.pause()
      const gone = stopping || deps.serviceOf(request.serviceType) !== service
      if (gone) throw new Fault('session-service-unknown')
      const hears = {
        onCredited: () => sessions.get(agreementId)?.look(),
        onRefused: (code: string) => void sessions.get(agreementId)?.end(code),
      }
      const { capacity, promised } = statement
      const tab = till.open({ ...customer, ...hears, capacity, promised }, credit)
      const session = runProviderSession({ clock, link, tunnel, tab, log }, { id, serviceType: request.serviceType })
      sessions.set(agreementId, session)
      linked.set(link, session)
      session.ended.then(() => sessions.delete(agreementId)).catch(logFailure)
      deps.onSession(link, session, tunnel.usePath?.bind(tunnel))
      log(`session with ${consumer} (${request.serviceType})`)
      const invoice = tab.due
      assert(invoice !== undefined, 'a tab begins with an invoice')
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
          accountants: [...deps.desks().values()]
            .filter(({ stopped }) => !stopped && mayEarn())
            .map(({ accountant }) => accountant),
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
    till.take(signed)
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
    credited: till.credited,
    promisedBefore: till.promisedBefore,
    get sessions() {
      return [...sessions.values()]
    },
    async close() {
      stopping = true
      await Promise.all([...sessions.values()].map((session) => session.end('provider-stops')))
    },
  }
}
