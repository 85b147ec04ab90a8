/**
 * A purse: one consumer that pays shops, out of one channel.
 *
 * @module
 */

import type { InvoiceRefusal, PayerTerms } from '@myst/payments'
import {
  type Address,
  type Bytes32,
  type Crypto,
  capacityStatementContent,
  channelAddress,
  encodeMessage,
  Fault,
  type HttpRequest,
  type Invoice,
  type NetworkProfile,
  openContent,
  type Price,
  type SignedPromise,
  signedContent,
  signRequest,
  type Usage,
  type Verdict,
} from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { type AccountantInfo, createAccountantClient } from './accountant-client.ts'
import { adoptShown } from './adopt-shown.ts'
import { requireKnown } from './capacity.ts'
import { type Clock, systemClock } from './clock.ts'
import { deriveKeys } from './keys.ts'
import { openPayerBook } from './payer-book.ts'
import { paymentPolicy } from './payment-policy.ts'
import type { SpendingLimits, SpendingRefusal } from './spending-book.ts'

export interface Purse {
  readonly consumer: Address
  /** Where its money lies: a transfer of MYST to it is enough, also before there is a contract. */
  readonly channel: Address
  /** Promised so far by this channel, to everybody. */
  readonly promised: bigint
  /** The request that opens a tab at a shop: it shows what the channel can still promise. */
  ask(provider: Address, path: string): Promise<HttpRequest & { readonly headers: { readonly authorization: string } }>
  /** Checks an invoice against what was counted here; durable before it resolves. */
  pay(invoice: Invoice, bill: Bill, usage: Usage): Verdict<InvoiceRefusal | SpendingRefusal, SignedPromise>
  /** Promises of tabs that never ended properly: shown again to that provider, they cost nothing. */
  recorded(provider: Address): readonly SignedPromise[]
  /** The tab is over. @param settled the provider has it all. */
  close(bill: Pick<Bill, 'provider' | 'agreementId'>, settled: boolean): void
}

/** What one tab was agreed to cost. */
export interface Bill {
  readonly provider: Address
  readonly agreementId: Bytes32
  readonly price: Price
  /** The most it may cost. */
  readonly budget: bigint
}

export interface PurseDeps {
  readonly crypto: Crypto
  readonly store: RecordStore
  readonly clock?: Clock
}

export interface PurseOptions {
  readonly profile: NetworkProfile
  readonly privateKey: Uint8Array
  /** The profile's first one where absent. */
  readonly accountant?: AccountantInfo
  /** Beside each bill's own budget. */
  readonly limits?: Omit<SpendingLimits, 'perSession'>
}

/** @throws Fault `profile-no-accountant`; `accountant-unreachable` where the disk is empty: only it knows what was promised. */
export async function openPurse(deps: PurseDeps, options: PurseOptions): Promise<Purse> {
  const { crypto, store, clock = systemClock } = deps
  const { profile, privateKey, accountant = profile.accountants[0] } = options
  if (accountant === undefined) throw new Fault('profile-no-accountant', { networkId: profile.networkId })
  const keys = deriveKeys(crypto, privateKey)
  const { chainId, contracts } = profile
  const domain = { chainId, verifyingContract: accountant.address }
  const client = createAccountantClient({ crypto, clock }, keys, domain, accountant)
  const channel = { chainId, channel: channelAddress(crypto, contracts, keys.identity, accountant.address) }
  const book = openPayerBook(crypto, store, keys, channel, {
    limits: options.limits ?? {},
    nowMs: clock.nowMs,
  })
  const policy = paymentPolicy(profile.priceScale)
  const shown = { keys, channel, restoreJump: policy.restoreJump }
  const adopt = () => adoptShown({ crypto, book, consumerStanding: client.consumerStanding }, shown)
  await adopt()
  let capacity = 0n
  const invoicedAtMs = new Map<Bytes32, number>()

  return {
    consumer: keys.identity,
    channel: channel.channel,
    get promised() {
      return book.amount
    },
    async ask(provider, path) {
      const statement = await client.capacityStatement()
      const opened = openContent(crypto, domain, capacityStatementContent, statement, accountant.operator)
      if (!opened.ok) throw new Fault('accountant-answer-invalid', { code: opened.refusal.code })
      const { channel: of, consumer } = opened.value
      if (of !== channel.channel || consumer !== keys.identity) {
        throw new Fault('accountant-answer-invalid', { channel: of, consumer })
      }
      await requireKnown(opened.value, book, adopt)
      capacity = opened.value.capacity
      const request = { method: 'POST', path, body: encodeMessage(signedContent(), statement) }
      const own = { identity: keys.identity, privateKey, nowMs: clock.nowMs() }
      const authorization = signRequest(crypto, { chainId, verifyingContract: provider }, request, own)
      return { ...request, headers: { authorization } }
    },
    pay(invoice, bill, usage) {
      const terms: PayerTerms = { ...bill, pace: policy.pace }
      const nowMs = clock.elapsedMs()
      const before = invoicedAtMs.get(bill.agreementId)
      book.open(bill.agreementId)
      const facts = { nowMs, usage, capacity, sessionOpen: true }
      const answered = book.answer(invoice, terms, before === undefined ? facts : { ...facts, invoicedAtMs: before })
      if (answered.ok) invoicedAtMs.set(bill.agreementId, nowMs)
      return answered
    },
    recorded: book.recorded,
    close({ provider, agreementId }, settled) {
      invoicedAtMs.delete(agreementId)
      book.close(provider, agreementId, settled)
    },
  }
}
