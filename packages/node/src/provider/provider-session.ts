/**
 * One session at the provider: the tunnel, the invoicer and the link, held together.
 *
 * @module
 */

import { type Agreed, type AgreementBook, type Clock, deskKey, type ExchangeDesk, recordOf } from '@myst/billing'
import type { Link } from '@myst/link'
import {
  acceptPromise,
  creditInvoices,
  finalInvoice,
  type InvoicerAction,
  type InvoicerState,
  type InvoicerTerms,
  type IssuedInvoice,
  tickInvoicer,
  wantsExchange,
} from '@myst/payments'
import {
  type Address,
  type Crypto,
  decodeMessage,
  encodeMessage,
  Fault,
  type Invoice,
  paymentMessageSchema,
  paymentProtocol,
  promiseReplySchema,
  type SignedPromise,
  sessionProtocol,
  type ToConsumer,
  toConsumerSchema,
  type Usage,
} from '@myst/protocol'
import type { ProviderTunnel, TrafficStats } from '@myst/vpn'
import type { SessionView } from '../node-core.ts'

export interface ProviderSession {
  readonly id: Uint8Array
  readonly consumer: Address
  readonly serviceType: string
  readonly ended: Promise<void>
  readonly view: SessionView
  readonly state: InvoicerState
  heard(): void
  pay(signed: SignedPromise): void
  credit(total: bigint): void
  /** The consumer wants to stop: forwards nothing more and says what is due. */
  finish(): Promise<Invoice | undefined>
  /** Asks for what is due, tells the consumer why, closes. Never rejects. */
  end(reason: string): Promise<void>
}

export interface ProviderSessionDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly agreements: AgreementBook
  readonly link: Link
  readonly tunnel: ProviderTunnel
  readonly desk: ExchangeDesk
  readonly overLimit: () => boolean
  readonly log: (line: string) => void
}

const tickMs = 200
/** Without a keep-alive for this long the consumer is gone: `network.md` §4. */
const silentMs = 10_000

export function runProviderSession(
  deps: ProviderSessionDeps,
  own: {
    readonly id: Uint8Array
    readonly serviceType: string
    readonly terms: InvoicerTerms
    readonly state: InvoicerState
    readonly agreed: Agreed
  },
): ProviderSession {
  const { crypto, clock, agreements, link, tunnel, desk, log } = deps
  const { id, terms } = own
  const startedMs = clock.elapsedMs()
  let heardMs = startedMs
  let state = own.state
  let stats: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  let ticking = false
  let closing: Promise<void> | undefined
  const ended = Promise.withResolvers<void>()

  function change(next: InvoicerState): void {
    const durable =
      next.issued !== state.issued || next.paidTotal !== state.paidTotal || next.creditedTotal !== state.creditedTotal
    state = next
    if (durable) agreements.put(terms.agreementId, recordOf(own.agreed, state))
  }

  async function measure(): Promise<Usage> {
    stats = await tunnel.stats()
    return { durationMs: BigInt(clock.elapsedMs() - startedMs), bytes: stats.sentBytes + stats.receivedBytes }
  }

  async function tick(): Promise<void> {
    if (ticking || closing !== undefined) return
    ticking = true
    try {
      if (clock.elapsedMs() - heardMs > silentMs) return void close('consumer-silent')
      const usage = await measure()
      const now = { nowMs: clock.elapsedMs(), usage, hashlock: desk.hashlock, overLimit: deps.overLimit() }
      const [next, actions] = tickInvoicer(state, terms, now)
      change(next)
      for (const action of actions) await act(action, usage)
    } finally {
      ticking = false
    }
  }

  async function act(action: InvoicerAction, usage: Usage): Promise<void> {
    switch (action.kind) {
      case 'send-invoice':
        // Not awaited: a consumer that answers late holds up nobody.
        collect(invoiceOf(action, usage, false)).catch(failed)
        return
      case 'pause-service':
        await tunnel.pause()
        log(`session with ${terms.consumer} paused: ${action.exposure} uncredited`)
        return tell({ kind: 'pause', sessionId: id, reason: 'unpaid' })
      case 'resume-service':
        await tunnel.resume()
        return tell({ kind: 'resume', sessionId: id })
      case 'end-session':
        return close(action.reason)
    }
  }

  const invoiceOf = ({ total, hashlock }: IssuedInvoice, usage: Usage, final: boolean): Invoice => ({
    agreementId: terms.agreementId,
    total,
    hashlock,
    durationMs: usage.durationMs,
    bytes: usage.bytes,
    ...(final ? { final } : {}),
  })

  /** Sends an invoice and takes the promise that answers it. */
  async function collect(invoice: Invoice): Promise<void> {
    try {
      const body = encodeMessage(paymentMessageSchema, { kind: 'invoice', invoice })
      const reply = decodeMessage(promiseReplySchema, await link.request(paymentProtocol, body))
      if (!reply.ok) log(`session with ${terms.consumer}: ${reply.refusal.code}`)
      else if (reply.value.kind === 'refused') log(`${terms.consumer} refuses invoice: ${reply.value.code}`)
      else pay(reply.value.promise)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      log(`session with ${terms.consumer}: ${fault.code}`)
    }
  }

  function pay(signed: SignedPromise): void {
    const accepted = acceptPromise(crypto, state, terms, signed)
    if (!accepted.ok) return log(`promise of ${terms.consumer} refused: ${accepted.refusal.code}`)
    // First to the desk, durable; a crash before the next line leaves the invoice open, and the repeat changes nothing.
    desk.add(
      deskKey(terms.consumer, terms.agreementId),
      signed,
      wantsExchange(accepted.value) || state.phase === 'ended',
    )
    change(accepted.value)
  }

  function tell(message: ToConsumer): Promise<void> {
    return link.request(sessionProtocol, encodeMessage(toConsumerSchema, message), { timeoutMs: 1000 }).then(
      () => {},
      () => {}, // it may be gone already; the link says so by itself
    )
  }

  /** Never rejects: a driver that fails at one session's end takes down neither the rest of it nor the other sessions. */
  function close(reason: string): Promise<void> {
    const attempt = async (step: string, work: () => unknown) => {
      try {
        await work()
      } catch (cause) {
        log(`session with ${terms.consumer}: ${step} failed: ${cause instanceof Error ? cause.message : cause}`)
      }
    }
    closing ??= (async () => {
      clearInterval(timer)
      await attempt('saving', () => change({ ...state, phase: 'ended' }))
      await attempt('telling', () => tell({ kind: 'end', sessionId: id, reason }))
      await attempt('closing the tunnel', () => tunnel.close())
      await attempt('closing the link', () => link.close(reason))
      // What it promised last and is too little for a batch of its own goes now: nothing more will join it.
      if (state.paidTotal > state.creditedTotal) void attempt('exchanging', () => desk.flush())
      ended.resolve()
      log(`session with ${terms.consumer} ended: ${reason}`)
    })()
    return closing
  }

  const failed = (cause: unknown) => {
    log(`session with ${terms.consumer} failed: ${cause instanceof Error ? cause.message : cause}`)
    void close('provider-fault')
  }
  const timer = setInterval(() => tick().catch(failed), tickMs)
  void link.closed.then((reason) => close(reason))

  return {
    id,
    consumer: terms.consumer,
    serviceType: own.serviceType,
    ended: ended.promise,
    get state() {
      return state
    },
    get view() {
      return {
        id: Buffer.from(id).toString('hex'),
        consumer: terms.consumer,
        phase: state.phase,
        ...stats,
        invoiced: state.invoicedTotal,
        paid: state.paidTotal,
        credited: state.creditedTotal,
      }
    },
    heard: () => {
      heardMs = clock.elapsedMs()
    },
    pay,
    credit(total) {
      change(creditInvoices(state, terms, total))
      void tick().catch(failed)
    },
    async finish() {
      await tunnel.pause()
      const usage = await measure()
      const [next, last] = finalInvoice(state, terms, usage, desk.hashlock)
      change(next)
      return last && invoiceOf(last, usage, true)
    },
    async end(reason) {
      try {
        const last = closing === undefined ? await this.finish() : undefined
        if (last !== undefined) await collect(last)
      } catch (cause) {
        failed(cause)
      }
      await close(reason)
    },
  }
}
