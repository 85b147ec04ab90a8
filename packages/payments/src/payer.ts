/**
 * Payer: the consumer's side of one channel. It decides which invoices become promises.
 *
 * All sessions of a channel draw from this one serial ledger, so no total is promised twice and parallel sessions need
 * no locks. The caller makes the new state durable *before* the promise leaves the process (P1).
 *
 * @module
 */

import {
  type Address,
  accept,
  assert,
  type Bytes32,
  ceilDivide,
  type Invoice,
  maxOf,
  noTicks,
  type Pace,
  type PaymentPromise,
  type Price,
  refuse,
  totalCost,
  type Usage,
  type Verdict,
} from '@myst/protocol'

export interface PayerState {
  /** All that the channel has promised so far, to everybody. */
  readonly amount: bigint
  /** By `agreementKey`. */
  readonly agreements: ReadonlyMap<string, PayerAgreement>
}

/** What was last signed for one session. */
export interface PayerAgreement {
  readonly provider: Address
  readonly id: Bytes32
  readonly total: bigint
  /** The channel's amount in that promise. */
  readonly amount: bigint
  readonly hashlock: Bytes32
  /** Signed again for the same total under another lock; that is allowed once. */
  readonly resigned: boolean
}

/** What both sides agreed on when the session began. */
export interface PayerTerms {
  readonly provider: Address
  readonly agreementId: Bytes32
  readonly price: Price
  readonly pace: Pace
  /** The most this session may cost. */
  readonly budget?: bigint
}

/** What the consumer knows by itself at the moment the invoice comes. */
export interface PayerFacts {
  readonly nowMs: number
  /** Measured at the consumer's own tunnel. */
  readonly usage: Usage
  /** The largest amount the channel can promise. */
  readonly capacity: bigint
  readonly sessionOpen: boolean
  readonly invoicedAtMs?: number
}

export type InvoiceRefusal =
  | { readonly code: 'invoice-no-session' }
  | { readonly code: 'invoice-wrong-agreement'; readonly agreementId: Bytes32 }
  | { readonly code: 'invoice-zero-lock' }
  | { readonly code: 'invoice-total-lowered'; readonly before: bigint; readonly total: bigint }
  | { readonly code: 'invoice-repeated'; readonly total: bigint }
  | { readonly code: 'invoice-over-measured'; readonly measured: bigint; readonly total: bigint }
  | { readonly code: 'invoice-too-early'; readonly afterMs: number; readonly minInvoiceMs: number }
  | { readonly code: 'invoice-over-budget'; readonly budget: bigint; readonly total: bigint }
  | { readonly code: 'invoice-over-capacity'; readonly capacity: bigint; readonly amount: bigint }

export const emptyPayer: PayerState = { amount: 0n, agreements: new Map() }

export const agreementKey = (provider: Address, id: Bytes32): string => `${provider}/${id}`

/** Two ends never count the same bytes at the same instant: this much of the cost is theirs to differ by. */
const tolerancePercent = 2n
/** A fast download moves this much between two looks at the counters. */
const leewayBytes = 20n << 20n

/**
 * Answers one invoice. Cheap checks first; a refusal changes nothing.
 *
 * @returns the promise to sign, and the state to make durable before it is sent.
 */
export function answerInvoice(
  state: PayerState,
  invoice: Invoice,
  terms: PayerTerms,
  facts: PayerFacts,
): Verdict<InvoiceRefusal, { readonly state: PayerState; readonly promise: PaymentPromise }> {
  if (!facts.sessionOpen) return refuse({ code: 'invoice-no-session' })
  if (invoice.agreementId !== terms.agreementId) {
    return refuse({ code: 'invoice-wrong-agreement', agreementId: invoice.agreementId })
  }
  if (/^0x0+$/.test(invoice.hashlock)) return refuse({ code: 'invoice-zero-lock' })
  const key = agreementKey(terms.provider, terms.agreementId)
  const signed = state.agreements.get(key)
  const before = signed?.total ?? 0n
  if (invoice.total < before) return refuse({ code: 'invoice-total-lowered', before, total: invoice.total })
  if (invoice.total === before) return signAgain(state, key, signed, invoice)
  const measured = totalCost(terms.price, facts.usage)
  const allowed = ceilDivide(measured * (100n + tolerancePercent), 100n) + invoiceLeeway(terms)
  if (invoice.total > allowed) return refuse({ code: 'invoice-over-measured', measured, total: invoice.total })
  const early = checkPace(invoice, before, terms.pace, facts)
  if (early !== undefined) return refuse(early)
  if (terms.budget !== undefined && invoice.total > terms.budget) {
    return refuse({ code: 'invoice-over-budget', budget: terms.budget, total: invoice.total })
  }
  const amount = state.amount + (invoice.total - before)
  if (amount > facts.capacity) return refuse({ code: 'invoice-over-capacity', capacity: facts.capacity, amount })
  const { provider, agreementId: id } = terms
  const agreement = { provider, id, total: invoice.total, amount, hashlock: invoice.hashlock, resigned: false }
  assert(amount > state.amount, 'a new promise raises the amount')
  return accept({ state: withAgreement({ ...state, amount }, key, agreement), promise: promiseOf(agreement) })
}

/** The promise on record: repeated after a crash, before anything new is promised. */
export function promiseOf({ provider, id, total, amount, hashlock }: PayerAgreement): PaymentPromise {
  return { amount, hashlock, agreement: { id, provider, total }, ticks: noTicks }
}

/**
 * After a restored backup or a second device: continues above what the accountant shows with our own signature on it.
 * The caller has verified that signature; nobody's bare word comes here (P6).
 */
export function adoptAmount(state: PayerState, shown: bigint, restoreJump: bigint): PayerState {
  const amount = shown + restoreJump
  return amount > state.amount ? { ...state, amount } : state
}

/** The session is over and everything it promised was credited: its row is no longer needed. */
export function forgetAgreement(state: PayerState, provider: Address, id: Bytes32): PayerState {
  const agreements = new Map(state.agreements)
  agreements.delete(agreementKey(provider, id))
  return { ...state, agreements }
}

/**
 * The same total under the lock on record is a repeat; under another lock it is signed again, once: neither costs anything.
 * A first invoice over nothing has nothing to repeat.
 */
function signAgain(
  state: PayerState,
  key: string,
  signed: PayerAgreement | undefined,
  invoice: Invoice,
): Verdict<InvoiceRefusal, { readonly state: PayerState; readonly promise: PaymentPromise }> {
  if (signed === undefined) return refuse({ code: 'invoice-repeated', total: invoice.total })
  if (invoice.hashlock === signed.hashlock) return accept({ state, promise: promiseOf(signed) })
  if (signed.resigned) return refuse({ code: 'invoice-repeated', total: invoice.total })
  const agreement = { ...signed, hashlock: invoice.hashlock, resigned: true }
  return accept({ state: withAgreement(state, key, agreement), promise: promiseOf(agreement) })
}

/** An invoice may run ahead of what was measured by one invoice's worth: its advance, and bytes still on their way. */
function invoiceLeeway({ pace, price }: PayerTerms): bigint {
  const fast = totalCost(price, { durationMs: 0n, bytes: leewayBytes })
  return maxOf(pace.maxInvoiceAmount, fast)
}

function checkPace(invoice: Invoice, before: bigint, pace: Pace, facts: PayerFacts): InvoiceRefusal | undefined {
  if (facts.invoicedAtMs === undefined || invoice.final === true) return undefined
  const afterMs = facts.nowMs - facts.invoicedAtMs
  const due = invoice.total - before
  if (afterMs >= pace.minInvoiceMs || 2n * due >= pace.maxInvoiceAmount) return undefined
  return { code: 'invoice-too-early', afterMs, minInvoiceMs: pace.minInvoiceMs }
}

function withAgreement(state: PayerState, key: string, agreement: PayerAgreement): PayerState {
  return { ...state, agreements: new Map(state.agreements).set(key, agreement) }
}
