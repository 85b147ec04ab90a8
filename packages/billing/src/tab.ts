/**
 * A tab: one agreement with one consumer, from its first invoice to its last credit. Every change that money depends on is
 * durable before anybody hears of it.
 *
 * @module
 */

import {
  acceptPromise,
  creditInvoices,
  finalInvoice,
  type InvoicerAction,
  type InvoicerState,
  type InvoicerTerms,
  type IssuedInvoice,
  type PromiseRefusal,
  tickInvoicer,
  wantsExchange,
} from '@myst/payments'
import {
  accept,
  type Bytes32,
  type Crypto,
  type Invoice,
  maxOf,
  type SignedPromise,
  totalCost,
  type Usage,
  type Verdict,
} from '@myst/protocol'
import type { AgreementBook } from './agreement-book.ts'
import { type Agreed, recordOf } from './agreement-record.ts'
import type { Clock } from './clock.ts'
import { deskKey } from './desk-records.ts'
import type { ExchangeDesk } from './exchange-desk.ts'

export interface Tab {
  readonly agreementId: Bytes32
  readonly terms: InvoicerTerms
  readonly state: InvoicerState
  /** The newest invoice that is not paid. */
  readonly due: Invoice | undefined
  /** All that was served so far. Called a few times a second, or with each request. */
  count(usage: Usage): readonly InvoicerAction[]
  /** Takes what pays an invoice; durable when it returns. */
  pay(signed: SignedPromise): Taken
  /** Serves nothing more, and says what is due. */
  finish(usage: Usage): Invoice | undefined
  /** Served and not paid for. */
  readonly unpaid: bigint
  /**
   * It is over: nothing is served, what was promised is exchanged, and what comes late still counts.
   *
   * @param isOurs we end it, before the consumer could pay: it is not held against it.
   */
  close(isOurs?: boolean): void
}

/** What became of a promise, and of the tab. */
export type Taken = Verdict<PromiseRefusal, InvoicerState>

/** What the till does with its tabs. */
export interface HeldTab extends Tab {
  credit(total: bigint): void
}

export interface TabDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly agreements: AgreementBook
  readonly desk: ExchangeDesk
  /** What all tabs together have uncredited is above the limit. */
  readonly overLimit: () => boolean
  readonly onClose: (tab: Tab, isOurs: boolean) => void
  /** What comes after that. */
  readonly takeLate: (signed: SignedPromise) => Taken
  readonly log: (line: string) => void
}

export function holdTab(
  { crypto, clock, agreements, desk, overLimit, onClose, takeLate, log }: TabDeps,
  terms: InvoicerTerms,
  agreed: Agreed,
  started: InvoicerState,
): HeldTab {
  const { agreementId, consumer } = terms
  let state = started
  let usage: Usage = { durationMs: 0n, bytes: 0n }
  let closed = false
  agreements.put(agreementId, recordOf(agreed, state))

  function change(next: InvoicerState): void {
    const durable =
      next.issued !== state.issued || next.paidTotal !== state.paidTotal || next.creditedTotal !== state.creditedTotal
    state = next
    if (durable) agreements.put(agreementId, recordOf(agreed, state))
  }

  /** The last one may come early. */
  const invoiceOf = ({ total, hashlock }: IssuedInvoice): Invoice => ({
    agreementId,
    total,
    hashlock,
    ...usage,
    ...(state.phase === 'ended' ? { final: true } : {}),
  })

  return {
    agreementId,
    terms,
    get state() {
      return state
    },
    get due() {
      const issued = state.issued.at(-1)
      return issued && invoiceOf(issued)
    },
    count(used) {
      usage = used
      const now = { nowMs: clock.elapsedMs(), usage, hashlock: desk.hashlock, overLimit: overLimit() }
      const [next, actions] = tickInvoicer(state, terms, now)
      change(next)
      return actions
    },
    pay(signed) {
      if (closed) return takeLate(signed)
      const accepted = acceptPromise(crypto, state, terms, signed)
      if (!accepted.ok) {
        log(`promise of ${consumer} refused: ${accepted.refusal.code}`)
        return accepted
      }
      // First to the desk, durable; a crash before the next line leaves the invoice open, and the repeat changes nothing.
      desk.add(deskKey(consumer, agreementId), signed, wantsExchange(accepted.value) || state.phase === 'ended')
      change(accepted.value)
      return accept(state)
    },
    credit: (total) => change(creditInvoices(state, terms, total)),
    finish(used) {
      // What is kept of it is no longer ours to write.
      if (closed) return undefined
      usage = used
      const [next, last] = finalInvoice(state, terms, usage, desk.hashlock)
      change(next)
      return last && invoiceOf(last)
    },
    get unpaid() {
      return maxOf(0n, totalCost(terms.price, usage) - state.paidTotal)
    },
    close(isOurs = false) {
      if (closed) return
      closed = true
      change({ ...state, phase: 'ended' })
      onClose(this, isOurs)
      // What it promised last and is too little for a batch of its own goes now: nothing more will join it.
      if (state.paidTotal > state.creditedTotal) desk.flush().catch((cause) => log(`exchanging: ${cause.message}`))
    },
  }
}
