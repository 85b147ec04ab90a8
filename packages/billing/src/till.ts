/**
 * A till: everybody who is served and pays, at one provider. It says on what credit a consumer is served, keeps the tabs, and
 * takes promises that come after a crash or an end.
 *
 * @module
 */

import { acceptPromise, addressPrefix, type InvoicerTerms, type ItemOutcome, startInvoicing } from '@myst/payments'
import {
  type Address,
  type Bytes32,
  type Crypto,
  channelAddress,
  Fault,
  maxOf,
  type NetworkProfile,
  type Pace,
  type Price,
  refuse,
  type SignedPromise,
} from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { openAgreementBook } from './agreement-book.ts'
import { type Agreed, endedState, recordOf } from './agreement-record.ts'
import type { Clock } from './clock.ts'
import { openConsumerBook } from './consumer-book.ts'
import { openCreditBook } from './credit-book.ts'
import { deskKey } from './desk-records.ts'
import type { ExchangeDesk } from './exchange-desk.ts'
import type { NodeKeys } from './keys.ts'
import type { PaymentPolicy } from './payment-policy.ts'
import { type HeldTab, holdTab, type Tab, type Taken } from './tab.ts'

export interface Till {
  /** How far this consumer is served before anything is credited; what it takes of a bucket is durable when it returns. */
  creditFor(customer: Pick<Customer, 'agreementId' | 'consumer' | 'host'>): bigint
  /** @throws Fault `accountant-not-accepted` where no desk exchanges with that accountant. */
  open(customer: Customer, credit?: bigint): Tab
  /** A promise for a tab that is open, or for one that an end or a crash closed. */
  take(signed: SignedPromise): Taken
  /** The accountant's verdicts on what a desk exchanged. */
  credited(outcomes: readonly ItemOutcome[]): void
  /** What the channel had promised when this agreement began, as far as is known. */
  promisedBefore(agreementId: Bytes32): bigint
}

export interface Customer {
  /** Not given to anybody before. */
  readonly agreementId: Bytes32
  readonly consumer: Address
  readonly accountant: Address
  readonly price: Price
  /** The largest amount its channel can promise, as its signed statement says. */
  readonly capacity: bigint
  /** What it has promised so far by that statement: a promise that repeats some of that pays nothing here. */
  readonly promised: bigint
  /** Slows the provider's pace, never hurries it. */
  readonly pace?: Pace
  /** Where it comes from: newcomers of one network share a bucket of first credit. */
  readonly host: string
  readonly onCredited?: () => void
  readonly onClosed?: () => void
  /** The accountant will never credit what was promised: `code` says why. */
  readonly onRefused?: (code: string) => void
}

export interface TillDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly desks: () => ReadonlyMap<Address, ExchangeDesk>
  /** False: what accountants owe us without a guarantee is above our limit. Absent: nobody watches that. */
  readonly mayEarn?: () => boolean
  readonly log: (line: string) => void
}

export interface TillOptions {
  readonly keys: NodeKeys
  readonly profile: Pick<NetworkProfile, 'chainId' | 'contracts'>
  readonly policy: PaymentPolicy
}

/** Of the agreements that were made before the capacity was kept. */
const noLimit = 2n ** 256n - 1n

/** So much of what a consumer pays makes good for what it did not. */
const paidTimes = 10n

export function openTill(deps: TillDeps, { keys, profile, policy }: TillOptions): Till {
  const { crypto, clock, store, mayEarn = () => true, log } = deps
  const tabs = new Map<Bytes32, { readonly tab: HeldTab; readonly customer: Customer }>()
  const consumers = openConsumerBook(store)
  const agreements = openAgreementBook(
    { store, clock },
    {
      runs: (id) => tabs.has(id),
      isKnown: (consumer) => consumers.get(consumer).credited,
      onRemoved: (id, { consumer, accountant }) => deps.desks().get(accountant)?.forget(deskKey(consumer, id)),
    },
  )
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

  /** One that comes back again and again for what it doesn't pay gets less each time, till it has paid ten times as much. */
  const firstCreditOf = (consumer: Address): bigint =>
    maxOf(0n, policy.firstCredit - (consumers.get(consumer).owed ?? 0n))

  /** Who left an invoice unpaid pays first; a payer we know is served on credit at once; for others the buckets decide. */
  function creditFor({ agreementId, consumer, host }: Pick<Customer, 'agreementId' | 'consumer' | 'host'>): bigint {
    const { credited, leftUnpaid } = consumers.get(consumer)
    const credit = firstCreditOf(consumer)
    if (leftUnpaid || credit === 0n) return 0n
    if (credited) return credit
    const prefix = addressPrefix(host)
    if (!firstCredits.grant(prefix, policy.firstCredit)) return 0n
    prefixes.set(agreementId, prefix)
    return credit
  }

  function forget({ agreementId, terms, state, unpaid }: Tab, isOurs: boolean): void {
    const closed = tabs.get(agreementId)
    tabs.delete(agreementId)
    if (!isOurs) blame(terms.consumer, unpaid, state.invoicedTotal > state.paidTotal)
    removeIfDone(agreementId)
    closed?.customer.onClosed?.()
  }

  function blame(consumer: Address, unpaid: bigint, leftUnpaid: boolean): void {
    const owed = (consumers.get(consumer).owed ?? 0n) + unpaid
    consumers.note(consumer, { ...(leftUnpaid ? { leftUnpaid } : {}), ...(owed === 0n ? {} : { owed }) })
  }

  function forgive(consumer: Address, amount: bigint): void {
    const { owed = 0n } = consumers.get(consumer)
    if (owed === 0n) return
    const left = maxOf(0n, owed - amount)
    consumers.note(consumer, { owed: left, ...(left === 0n ? { leftUnpaid: false } : {}) })
  }

  /** All is paid and credited: nothing of an ended session is needed any more. */
  function removeIfDone(id: Bytes32): void {
    const record = agreements.get(id)
    if (record === undefined || tabs.has(id)) return
    if (record.issued.length === 0 && record.creditedTotal >= record.paidTotal) agreements.remove(id)
  }

  /** Of a session that a crash ended, here or there: it counts all the same. */
  function takeLate(signed: SignedPromise): Taken {
    const { agreement } = signed.promise
    const record = agreements.get(agreement.id)
    const desk = record && deps.desks().get(record.accountant)
    if (record === undefined || desk === undefined) {
      return refuse({ code: 'promise-wrong-agreement', agreementId: agreement.id })
    }
    const accepted = acceptPromise(crypto, endedState(record), termsOf(agreement.id, record), signed)
    if (!accepted.ok) {
      log(`late promise of ${record.consumer} refused: ${accepted.refusal.code}`)
      return accepted
    }
    desk.add(deskKey(record.consumer, agreement.id), signed, true)
    agreements.put(agreement.id, recordOf(record, accepted.value))
    forgive(record.consumer, agreement.total - record.paidTotal)
    if (accepted.value.issued.length === 0) consumers.note(record.consumer, { leftUnpaid: false })
    return accepted
  }

  function creditEnded(consumer: Address, id: Bytes32, total: bigint): void {
    const record = agreements.get(id)
    if (record === undefined) {
      // It was pushed out while its last promise was under way.
      for (const desk of deps.desks().values()) desk.forget(deskKey(consumer, id))
      return
    }
    agreements.put(id, { ...record, creditedTotal: total })
    removeIfDone(id)
  }

  function creditOne({ signed, verdict }: ItemOutcome): void {
    const { id, total } = signed.promise.agreement
    consumers.note(signed.consumer, { credited: true })
    forgive(signed.consumer, verdict.delta / paidTimes)
    const open = tabs.get(id)
    if (open === undefined) creditEnded(signed.consumer, id, total)
    else open.tab.credit(total)
    const prefix = prefixes.get(id)
    if (prefix !== undefined) firstCredits.giveBack(prefix)
    prefixes.delete(id)
    open?.customer.onCredited?.()
  }

  return {
    creditFor,
    open(customer, credit = creditFor(customer)) {
      const { agreementId, consumer, accountant, price, capacity, promised, pace } = customer
      const desk = deps.desks().get(accountant)
      if (desk === undefined) throw new Fault('accountant-not-accepted', { accountant })
      const agreed = { consumer, accountant, price, capacity, promised }
      // Credit that grows anew from one paid invoice on would forget what is owed.
      const firstCredit = maxOf(policy.firstInvoiceAmount, firstCreditOf(consumer))
      const terms = { ...paced(termsOf(agreementId, agreed), pace), firstCredit }
      const [state] = startInvoicing(terms, clock.elapsedMs(), desk.hashlock, credit)
      // Whoever has taken too much without proof is promised nothing more: what runs ends, too.
      const overLimit = () => desk.stopped || desk.standing.uncredited > policy.exposureLimit || !mayEarn()
      const own = { crypto, clock, agreements, desk, overLimit, onClose: forget, takeLate, log }
      const tab = holdTab(own, terms, agreed, { ...state, paidAmount: promised })
      tabs.set(agreementId, { tab, customer })
      return tab
    },
    take(signed) {
      const open = tabs.get(signed.promise.agreement.id)
      return open === undefined ? takeLate(signed) : open.tab.pay(signed)
    },
    promisedBefore: (agreementId) => agreements.get(agreementId)?.promised ?? 0n,
    credited(outcomes) {
      for (const outcome of outcomes) {
        const { signed, verdict, proven } = outcome
        if (verdict.code === undefined) {
          creditOne(outcome)
          continue
        }
        log(`the accountant refuses a promise of ${signed.consumer}: ${verdict.code}`)
        if (verdict.final !== true) continue
        const { id, total } = signed.promise.agreement
        // What it promised was never ours: whoever draws twice on one channel does not come back to live on credit.
        const lost = proven === true ? total - (agreements.get(id)?.creditedTotal ?? 0n) : 0n
        blame(signed.consumer, lost, true)
        const own = tabs.get(id)
        // Who is proven to break its word breaks it in all its sessions.
        const ended =
          proven === true ? [...tabs.values()].filter(({ tab }) => tab.terms.consumer === signed.consumer) : [own]
        for (const one of ended) one?.customer.onRefused?.(verdict.code)
      }
    },
  }
}

/** The consumer's pace slows the provider's, never hurries it. */
function paced(terms: InvoicerTerms, pace: Pace | undefined): InvoicerTerms {
  if (pace === undefined) return terms
  const minInvoiceMs = Math.max(terms.minInvoiceMs, pace.minInvoiceMs)
  return {
    ...terms,
    minInvoiceMs,
    maxInvoiceMs: Math.max(minInvoiceMs, Math.min(terms.maxInvoiceMs, pace.maxInvoiceMs)),
  }
}
