/**
 * One session at the provider: the tunnel, the invoicer and the link, held together.
 *
 * @module
 */

import type { Clock, Tab } from '@myst/billing'
import type { Link } from '@myst/link'
import type { InvoicerAction } from '@myst/payments'
import {
  type Address,
  decodeMessage,
  encodeMessage,
  Fault,
  type Invoice,
  paymentMessageSchema,
  paymentProtocol,
  promiseReplySchema,
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
  heard(): void
  /** Something was credited: what is paused may go on. */
  look(): void
  /** The consumer wants to stop: forwards nothing more and says what is due. */
  finish(): Promise<Invoice | undefined>
  /** Asks for what is due, tells the consumer why, closes. Never rejects. */
  end(reason: string): Promise<void>
}

export interface ProviderSessionDeps {
  readonly clock: Clock
  readonly link: Link
  readonly tunnel: ProviderTunnel
  readonly tab: Tab
  readonly log: (line: string) => void
}

/** Credit that is used up is noticed so late, and the service goes on until then. */
const tickMs = 200
/** The consumer could not help it. */
const ourReasons: ReadonlySet<string> = new Set(['provider-stops', 'provider-fault'])
/** Without a keep-alive for this long the consumer is gone: `network.md` §4. */
const silentMs = 10_000

export function runProviderSession(
  deps: ProviderSessionDeps,
  own: { readonly id: Uint8Array; readonly serviceType: string },
): ProviderSession {
  const { clock, link, tunnel, tab, log } = deps
  const { id } = own
  const { consumer } = tab.terms
  const startedMs = clock.elapsedMs()
  let heardMs = startedMs
  let stats: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  let ticking = false
  let closing: Promise<void> | undefined
  const ended = Promise.withResolvers<void>()

  async function measure(): Promise<Usage> {
    stats = await tunnel.stats()
    return { durationMs: BigInt(clock.elapsedMs() - startedMs), bytes: stats.sentBytes + stats.receivedBytes }
  }

  async function tick(): Promise<void> {
    if (ticking || closing !== undefined) return
    ticking = true
    try {
      if (clock.elapsedMs() - heardMs > silentMs) return void close('consumer-silent')
      for (const action of tab.count(await measure())) await act(action)
    } finally {
      ticking = false
    }
  }

  async function act(action: InvoicerAction): Promise<void> {
    switch (action.kind) {
      case 'send-invoice':
        // Not awaited: a consumer that answers late holds up nobody.
        if (tab.due !== undefined) collect(tab.due).catch(failed)
        return
      case 'pause-service':
        await tunnel.pause()
        log(`session with ${consumer} paused: ${action.exposure} uncredited`)
        return tell({ kind: 'pause', sessionId: id, reason: 'unpaid' })
      case 'resume-service':
        await tunnel.resume()
        return tell({ kind: 'resume', sessionId: id })
      case 'end-session':
        return close(action.reason)
    }
  }

  /** Sends an invoice and takes the promise that answers it. */
  async function collect(invoice: Invoice): Promise<void> {
    try {
      const body = encodeMessage(paymentMessageSchema, { kind: 'invoice', invoice })
      const reply = decodeMessage(promiseReplySchema, await link.request(paymentProtocol, body))
      if (!reply.ok) log(`session with ${consumer}: ${reply.refusal.code}`)
      else if (reply.value.kind === 'refused') log(`${consumer} refuses invoice: ${reply.value.code}`)
      else tab.pay(reply.value.promise)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      log(`session with ${consumer}: ${fault.code}`)
    }
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
        log(`session with ${consumer}: ${step} failed: ${cause instanceof Error ? cause.message : cause}`)
      }
    }
    closing ??= (async () => {
      clearInterval(timer)
      await attempt('saving', () => tab.close(ourReasons.has(reason)))
      await attempt('telling', () => tell({ kind: 'end', sessionId: id, reason }))
      await attempt('closing the tunnel', () => tunnel.close())
      await attempt('closing the link', () => link.close(reason))
      ended.resolve()
      log(`session with ${consumer} ended: ${reason}`)
    })()
    return closing
  }

  const failed = (cause: unknown) => {
    log(`session with ${consumer} failed: ${cause instanceof Error ? cause.message : cause}`)
    void close('provider-fault')
  }
  const timer = setInterval(() => tick().catch(failed), tickMs)
  void link.closed.then((reason) => close(reason))

  return {
    id,
    consumer,
    serviceType: own.serviceType,
    ended: ended.promise,
    get view() {
      const { phase, invoicedTotal: invoiced, paidTotal: paid, creditedTotal: credited } = tab.state
      return {
        id: Buffer.from(id).toString('hex'),
        consumer,
        phase,
        ...stats,
        invoiced,
        paid,
        credited,
      }
    },
    heard: () => {
      heardMs = clock.elapsedMs()
    },
    look: () => void tick().catch(failed),
    async finish() {
      await tunnel.pause()
      return tab.finish(await measure())
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
