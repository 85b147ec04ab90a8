/**
 * Invoicer: the provider's side of one session. It says when to invoice, when to pause, and what counts as payment.
 *
 * A consumer is served on a small credit that grows with each invoice the accountant credited. What is not yet credited,
 * paid or not, never passes twice that credit: over it the service pauses at once, and ends after a grace.
 *
 * @module
 */

import {
  type Address,
  accept,
  type Bytes32,
  type ChannelDomain,
  type Crypto,
  maxOf,
  minOf,
  type Price,
  recoverPromiseSigner,
  refuse,
  type SignedPromise,
  totalCost,
  type Usage,
  type Verdict,
} from '@myst/protocol'

export interface InvoicerTerms {
  readonly consumer: Address
  readonly provider: Address
  readonly agreementId: Bytes32
  readonly channel: ChannelDomain
  readonly price: Price
  /**
   * The largest amount the channel can promise, as the consumer's signed statement said when the session began. One who
   * tops up during it reconnects to spend that; one who promises more than there is would be pending for ever.
   */
  readonly capacity: bigint
  /** How far a new consumer is trusted, base units; and how far that can grow. */
  readonly firstCredit: bigint
  readonly maxCredit: bigint
  /** The first invoice asks this much ahead, so that payment starts with the session. */
  readonly firstInvoiceAmount: bigint
  readonly minInvoiceMs: number
  readonly maxInvoiceMs: number
  /** An invoice is sent sooner when this much is due. */
  readonly dueAmount: bigint
  /** The accountant refuses smaller steps. */
  readonly minDelta: bigint
  readonly graceMs: number
}

export interface InvoicerState {
  readonly phase: 'serving' | 'paused' | 'ended'
  /** Issued and not yet paid, oldest first. */
  readonly issued: readonly IssuedInvoice[]
  readonly invoicedTotal: bigint
  readonly invoicedAtMs: number
  readonly intervalMs: number
  readonly paidTotal: bigint
  /** The channel's amount in the newest promise of this agreement. */
  readonly paidAmount: bigint
  readonly creditedTotal: bigint
  readonly credit: bigint
  /** Since when the exposure is over the limit. */
  readonly overSinceMs?: number
}

export interface IssuedInvoice {
  readonly total: bigint
  readonly hashlock: Bytes32
}

export type InvoicerAction =
  | { readonly kind: 'send-invoice'; readonly total: bigint; readonly hashlock: Bytes32 }
  | { readonly kind: 'pause-service'; readonly exposure: bigint }
  | { readonly kind: 'resume-service' }
  | { readonly kind: 'end-session'; readonly reason: 'unpaid' }

export type PromiseRefusal =
  | { readonly code: 'promise-wrong-consumer'; readonly consumer: Address }
  | { readonly code: 'promise-wrong-provider'; readonly provider: Address }
  | { readonly code: 'promise-wrong-agreement'; readonly agreementId: Bytes32 }
  | { readonly code: 'promise-no-such-invoice'; readonly total: bigint }
  | { readonly code: 'promise-amount-short'; readonly step: bigint; readonly due: bigint }
  | { readonly code: 'promise-over-capacity'; readonly capacity: bigint; readonly amount: bigint }
  | { readonly code: 'promise-wrong-signer'; readonly consumer: Address }

/** Unpaid invoices kept: with more outstanding, nothing new is asked until one is answered. */
const maxIssued = 8

/**
 * A fresh session: one invoice is issued at once and travels with the accept.
 *
 * @param credit what the consumer is served on before anything is credited: 0 means first promise before first packet.
 */
export function startInvoicing(
  terms: InvoicerTerms,
  nowMs: number,
  hashlock: Bytes32,
  credit: bigint,
): [InvoicerState, IssuedInvoice] {
  const first = { total: terms.firstInvoiceAmount, hashlock }
  return [
    {
      phase: 'serving',
      issued: [first],
      invoicedTotal: first.total,
      invoicedAtMs: nowMs,
      intervalMs: terms.minInvoiceMs,
      paidTotal: 0n,
      paidAmount: 0n,
      creditedTotal: 0n,
      credit,
    },
    first,
  ]
}

/** Looks at clock and counters: pauses, resumes, ends, invoices. Called a few times a second and after each payment. */
export function tickInvoicer(
  state: InvoicerState,
  terms: InvoicerTerms,
  now: {
    readonly nowMs: number
    readonly usage: Usage
    readonly hashlock: Bytes32
    /** What all sessions together have uncredited at this accountant is above the provider's limit. */
    readonly overLimit: boolean
  },
): [InvoicerState, readonly InvoicerAction[]] {
  if (state.phase === 'ended') return [state, []]
  const cost = costSoFar(state, terms, now.usage)
  const [guarded, guarding] = guardExposure(state, terms, cost, now)
  if (guarded.phase === 'ended') return [guarded, guarding]
  const [invoiced, invoicing] = invoiceWhatIsDue(guarded, terms, cost, now)
  return [invoiced, [...guarding, ...invoicing]]
}

/**
 * The last invoice of a session that ends gracefully: what is due above the last one, or, where that is less than an
 * accountant would credit, the last one again if its promise is still on its way. Undefined where everything is paid.
 */
export function finalInvoice(
  state: InvoicerState,
  terms: InvoicerTerms,
  usage: Usage,
  hashlock: Bytes32,
): [InvoicerState, IssuedInvoice | undefined] {
  const cost = costSoFar(state, terms, usage)
  const ended: InvoicerState = { ...state, phase: 'ended' }
  // A step below the least would be promised and never credited: nobody's, for ever.
  if (cost - state.invoicedTotal < terms.minDelta) return [ended, state.issued.at(-1)]
  const last = { total: cost, hashlock }
  return [{ ...ended, invoicedTotal: cost, issued: [...state.issued, last].slice(-maxIssued) }, last]
}

/** What counts as payment (P7): every other promise leaves the session unpaid. */
export function acceptPromise(
  crypto: Crypto,
  state: InvoicerState,
  terms: InvoicerTerms,
  { consumer, promise, signature }: SignedPromise,
): Verdict<PromiseRefusal, InvoicerState> {
  const { agreement, amount, hashlock } = promise
  if (consumer !== terms.consumer) return refuse({ code: 'promise-wrong-consumer', consumer })
  if (agreement.provider !== terms.provider) {
    return refuse({ code: 'promise-wrong-provider', provider: agreement.provider })
  }
  if (agreement.id !== terms.agreementId) {
    return refuse({ code: 'promise-wrong-agreement', agreementId: agreement.id })
  }
  if (!state.issued.some((invoice) => invoice.total === agreement.total && invoice.hashlock === hashlock)) {
    return refuse({ code: 'promise-no-such-invoice', total: agreement.total })
  }
  const step = amount - state.paidAmount
  const due = agreement.total - state.paidTotal
  if (step < due) return refuse({ code: 'promise-amount-short', step, due })
  if (amount > terms.capacity) return refuse({ code: 'promise-over-capacity', capacity: terms.capacity, amount })
  if (recoverPromiseSigner(crypto, terms.channel, promise, signature) !== terms.consumer) {
    return refuse({ code: 'promise-wrong-signer', consumer })
  }
  return accept({
    ...state,
    paidTotal: agreement.total,
    paidAmount: amount,
    issued: state.issued.filter((invoice) => invoice.total > agreement.total),
    intervalMs: Math.min(terms.maxInvoiceMs, Math.ceil((state.intervalMs * 4) / 3)),
  })
}

/** The accountant took over what this session had promised up to `total`. */
export function creditInvoices(state: InvoicerState, terms: InvoicerTerms, total: bigint): InvoicerState {
  if (total <= state.creditedTotal) return state
  const grown = maxOf((state.credit * 4n) / 3n, terms.firstCredit)
  return { ...state, creditedTotal: total, credit: minOf(grown, terms.maxCredit) }
}

/** True when this session alone is reason to exchange now: its first promise, or half its credit promised and not credited. */
export function wantsExchange(state: InvoicerState): boolean {
  return state.creditedTotal === 0n || 2n * (state.paidTotal - state.creditedTotal) >= state.credit
}

function costSoFar(state: InvoicerState, terms: InvoicerTerms, usage: Usage): bigint {
  return maxOf(totalCost(terms.price, usage), state.invoicedTotal)
}

function guardExposure(
  state: InvoicerState,
  terms: InvoicerTerms,
  cost: bigint,
  { nowMs, overLimit }: { readonly nowMs: number; readonly overLimit: boolean },
): [InvoicerState, readonly InvoicerAction[]] {
  const exposure = cost - state.creditedTotal
  if (exposure <= 2n * state.credit && !overLimit) {
    const { overSinceMs: _, ...within } = state
    if (state.phase !== 'paused') return [within, []]
    return [{ ...within, phase: 'serving' }, [{ kind: 'resume-service' }]]
  }
  const overSinceMs = state.overSinceMs ?? nowMs
  if (nowMs - overSinceMs >= terms.graceMs) {
    return [{ ...state, phase: 'ended', overSinceMs }, [{ kind: 'end-session', reason: 'unpaid' }]]
  }
  if (state.phase === 'paused') return [state, []]
  return [{ ...state, phase: 'paused', overSinceMs }, [{ kind: 'pause-service', exposure }]]
}

function invoiceWhatIsDue(
  state: InvoicerState,
  terms: InvoicerTerms,
  cost: bigint,
  { nowMs, hashlock }: { readonly nowMs: number; readonly hashlock: Bytes32 },
): [InvoicerState, readonly InvoicerAction[]] {
  const due = cost - state.invoicedTotal
  if (due < terms.minDelta || state.issued.length >= maxIssued) return [state, []]
  const afterMs = nowMs - state.invoicedAtMs
  if (afterMs < (due >= terms.dueAmount ? terms.minInvoiceMs : state.intervalMs)) return [state, []]
  const invoice = { total: cost, hashlock }
  return [
    { ...state, issued: [...state.issued, invoice], invoicedTotal: cost, invoicedAtMs: nowMs },
    [{ kind: 'send-invoice', ...invoice }],
  ]
}
