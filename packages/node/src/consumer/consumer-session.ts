/**
 * One session at the consumer, from the provider's accept to its end: payments, keep-alive and the tunnel's own path.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import type { Link } from '@myst/link'
import {
  emptySchema,
  encodeMessage,
  endReplySchema,
  type Invoice,
  minOf,
  type PromiseReply,
  paymentMessageSchema,
  paymentProtocol,
  type SignedPromise,
} from '@myst/protocol'
import type { ConsumerTunnel, TrafficStats, TunnelPath } from '@myst/vpn'
import type { ConnectionView } from '../node-core.ts'
import { noSession } from './inbox.ts'
import { type Limit, lookEveryMs } from './money-left.ts'
import { type MoneyAdvice, type MoneyWatchDeps, watchMoney } from './money-watch.ts'
import { ask, type OpenedSession } from './session-dial.ts'

export interface ConsumerSessionDeps extends MoneyWatchDeps {
  /** Looks for a path of the tunnel's own; undefined where there is none. Runs while the tunnel already works. */
  readonly findPath: (link: Link, signal: AbortSignal) => Promise<TunnelPath | undefined>
  readonly onChange: () => void
  readonly log: (line: string) => void
}

/** What becomes of it is for the connection to decide. None of them comes before the beginning, or after the end. */
export interface ConsumerSessionEvents {
  /** The provider, or what it asked for, gives a reason for how things stand; undefined: it is over. */
  onReason(reason: string | undefined): void
  onLost(why: string): void
  onMoney(advice: Exclude<MoneyAdvice, { kind: 'go-on' }>): Promise<void>
  onBroken(fault: Error): void
}

export interface ConsumerSession {
  readonly tunnel: ConsumerTunnel
  readonly shownCapacity: bigint
  readonly isLive: boolean
  readonly livedMs: number
  readonly stats: TrafficStats
  readonly spent: bigint
  readonly promises: number
  readonly path: ConnectionView['path']
  readonly warning: ConnectionView['warning']
  /** Why it ends for good: nobody is dialled again then. */
  endReason?: string
  /** The tunnel works from here on; payment goes on beside it. */
  begin(): void
  /** Pays what is due and stops. @returns false where it was lost meanwhile, which goes its own way. */
  finish(why: string): Promise<boolean>
  /** Never rejects. */
  stop(why: string): Promise<void>
}

const keepAliveMs = lookEveryMs
/** The provider's answer to the end and to the last promise; the person waits for it. */
const partingMs = 3_000
/** Beside the first promise of a session; a message takes 64. */
const maxRepeated = 63

const moneyWords = {
  budget: 'the budget is spent',
  day: "the day's limit is reached",
  channel: 'the money is spent',
} as const satisfies Record<Limit, string>

export function createConsumerSession(
  deps: ConsumerSessionDeps,
  { link, inbox, tunnel, accept, terms, shownCapacity }: OpenedSession,
  events: ConsumerSessionEvents,
): ConsumerSession {
  const { clock, book, log } = deps
  const { provider, agreementId } = terms
  const { sessionId } = accept
  const money = watchMoney(deps, { terms, shownCapacity })
  const stopping = new AbortController()
  let begun = false
  let stats: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  /** Of what was spent nothing is found in the book afterwards. */
  let spentInAll: bigint | undefined
  let promises = 0
  let path: ConnectionView['path'] = 'link'
  let invoicedAtMs: number | undefined
  /** It is the reason that is shown, until an invoice is paid again. */
  let hasRefused = false
  /** The last invoice is being paid: none but that is answered any more. */
  let isParting = false
  let isLooking = false
  let stopped: Promise<void> | undefined

  const isLive = () => begun && !stopping.signal.aborted

  async function measure(): Promise<void> {
    stats = await tunnel.stats()
    money.count(stats)
  }

  async function answer(invoice: Invoice): Promise<PromiseReply> {
    await measure()
    const { capacity } = await deps.funds.read()
    // While we looked, the session may have been lost: then its row is no longer ours to write.
    if (!isLive()) return noSession
    const nowMs = clock.elapsedMs()
    const answered = book.answer(invoice, terms, {
      nowMs,
      usage: money.usage,
      capacity: minOf(capacity, shownCapacity),
      sessionOpen: true,
      ...(invoicedAtMs === undefined ? {} : { invoicedAtMs }),
    })
    if (!answered.ok) {
      hasRefused = true
      log(`invoice of ${provider} refused: ${answered.refusal.code}`)
      events.onReason(answered.refusal.code)
      return { kind: 'refused', code: answered.refusal.code }
    }
    invoicedAtMs = nowMs
    promises += 1
    if (hasRefused) events.onReason(undefined)
    else deps.onChange()
    hasRefused = false
    return { kind: 'promised', promise: answered.value }
  }

  /** The first invoice came with the accept; with its promise go those that a crash left on record. */
  async function payFirst(): Promise<void> {
    const recorded = book.recorded(provider).slice(-maxRepeated)
    const first = await answer(accept.invoice)
    await sendPromises(first.kind === 'promised' ? [first.promise, ...recorded] : recorded)
    for (const { promise } of recorded) book.close(provider, promise.agreement.id, true)
  }

  async function sendPromises(sent: readonly SignedPromise[], timeoutMs?: number): Promise<void> {
    const body = encodeMessage(paymentMessageSchema, { kind: 'promises', promises: sent })
    await link.request(paymentProtocol, body, timeoutMs === undefined ? {} : { timeoutMs })
  }

  async function stayAlive(): Promise<void> {
    const { signal } = stopping
    try {
      for (;;) {
        await wait(keepAliveMs, undefined, { signal })
        await ask(link, emptySchema, { kind: 'keep-alive', sessionId }, { timeoutMs: 4 * keepAliveMs, signal })
        await measure()
        // Not awaited: a chain that hangs must not make us silent.
        if (isLive()) void lookAtMoney().catch(events.onBroken)
      }
    } catch (fault) {
      lost(`keep-alive: ${(fault as Error).message}`)
    }
  }

  async function lookAtMoney(): Promise<void> {
    if (isLooking) return
    isLooking = true
    try {
      const before = money.warning
      const advice = await money.look()
      if (!isLive() || isParting) return
      if (advice.kind !== 'go-on') return await events.onMoney(advice)
      const { warning } = money
      if (warning === undefined && before === undefined) return
      if (warning !== undefined && before === undefined) {
        log(`${moneyWords[warning.limit]} in ${Math.ceil(warning.endsInMs / 60_000)} min at this pace`)
      }
      deps.onChange()
    } finally {
      isLooking = false
    }
  }

  async function improvePath(): Promise<void> {
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

  function lost(why: string): void {
    if (!isLive()) return
    log(`${provider} lost: ${why}`)
    events.onLost(why)
  }

  /** The last stretch is invoiced and paid. @returns whether the provider has all it can have. */
  async function settleUp(): Promise<boolean> {
    try {
      isParting = true
      money.part()
      const end = { kind: 'end', sessionId, reason: 'disconnect' } as const
      const { invoice } = await ask(link, endReplySchema, end, { timeoutMs: partingMs })
      if (invoice === undefined) return true
      const last = await answer(invoice)
      if (last.kind === 'refused') return false
      await sendPromises([last.promise], partingMs)
      return true
    } catch (fault) {
      log(`last payment to ${provider}: ${(fault as Error).message}`)
      return false
    }
  }

  /** Every step is tried: a link must not stay because a firewall would not go. */
  async function stopOnce(why: string, settled: boolean): Promise<void> {
    stopping.abort()
    money.close()
    const steps: (() => unknown)[] = [
      measure,
      () => {
        spentInAll = book.spentOn(provider, agreementId)
        book.close(provider, agreementId, settled)
      },
      () => tunnel.close(),
      () => link.close(why),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (fault) {
        log(`closing the session with ${provider}: ${(fault as Error).message}`)
      }
    }
  }

  function stop(why: string, settled = false): Promise<void> {
    stopped ??= stopOnce(why, settled)
    return stopped
  }

  const session: ConsumerSession = {
    tunnel,
    shownCapacity,
    get isLive() {
      return isLive()
    },
    get livedMs() {
      return Number(money.usage.durationMs)
    },
    get stats() {
      return stats
    },
    get spent() {
      return spentInAll ?? book.spentOn(provider, agreementId)
    },
    get promises() {
      return promises
    },
    get path() {
      return path
    },
    get warning() {
      return money.warning
    },
    begin() {
      begun = true
      book.open(agreementId)
      inbox.deliver({
        invoiced: async (invoice) => (isLive() && !isParting ? answer(invoice) : noSession),
        hear: (message) => {
          if (!isLive()) return
          if (message.kind === 'end') {
            session.endReason = message.reason
            log(`${provider} ends the session: ${message.reason}`)
          }
          events.onReason(message.kind === 'resume' ? undefined : message.reason)
        },
      })
      void link.closed.then(lost)
      void stayAlive()
      void improvePath()
      payFirst().catch((fault: Error) => lost(`first payment: ${fault.message}`))
    },
    async finish(why) {
      const settled = await settleUp()
      const isOurs = isLive()
      await stop(why, settled)
      return isOurs
    },
    stop,
  }
  return session
}
