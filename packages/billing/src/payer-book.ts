/**
 * The payer's ledger on disk: what was promised is durable before it leaves the process.
 *
 * @module
 */

import {
  adoptAmount,
  agreementKey,
  answerInvoice,
  forgetAgreement,
  type InvoiceRefusal,
  type PayerAgreement,
  type PayerFacts,
  type PayerState,
  type PayerTerms,
  promiseOf,
} from '@myst/payments'
import {
  type Address,
  accept,
  address,
  bytes32,
  type ChannelDomain,
  type Crypto,
  count,
  field,
  flag,
  hashPromise,
  type Invoice,
  message,
  refuse,
  type SignedPromise,
  uint,
  type Verdict,
} from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import type { NodeKeys } from './keys.ts'
import { openSpendingBook, type SpendingLimits, type SpendingRefusal } from './spending-book.ts'

export interface PayerBook {
  /** Promised so far by this channel, to everybody. */
  readonly amount: bigint
  readonly promises: number
  /** What this session has promised so far. */
  spentOn(provider: Address, agreementId: PayerAgreement['id']): bigint
  answer(
    invoice: Invoice,
    terms: PayerTerms,
    facts: PayerFacts,
  ): Verdict<InvoiceRefusal | SpendingRefusal, SignedPromise>
  /** What the day's limit for this provider still allows, or the one for everybody where none is named; undefined: no limit. */
  leftFor(provider?: Address): bigint | undefined
  /** Nothing is on disk: a new channel, or a lost disk. */
  readonly blank: boolean
  /** A session begins: its row is its own until it is closed. */
  open(agreementId: PayerAgreement['id']): void
  /** It answers no invoice any more. @param settled the provider has it all, and nothing needs to be repeated. */
  close(provider: Address, agreementId: PayerAgreement['id'], settled: boolean): void
  /** Promises on record for sessions that never ended properly: repeated when that provider is met again. */
  recorded(provider: Address): readonly SignedPromise[]
  /** Continues above a promise of our own that somebody showed us; the caller has checked our signature on it. */
  adopt(shown: bigint, restoreJump: bigint): void
}

const channelTable = table('payer', message({ amount: field(0, uint(256)), promises: field(1, count(2 ** 53 - 1)) }))
const agreementTable = table(
  'payer-agreements',
  message({
    provider: field(0, address),
    id: field(1, bytes32),
    total: field(2, uint(256)),
    amount: field(3, uint(256)),
    hashlock: field(4, bytes32),
    resigned: field(5, flag),
  }),
)

export function openPayerBook(
  crypto: Crypto,
  store: RecordStore,
  keys: NodeKeys,
  channel: ChannelDomain,
  { limits = {}, nowMs = Date.now }: { readonly limits?: SpendingLimits; readonly nowMs?: () => number } = {},
): PayerBook {
  const saved = channelTable.load(store).get(channel.channel)
  let promises = saved?.promises ?? 0
  let state: PayerState = { amount: saved?.amount ?? 0n, agreements: agreementTable.load(store) }

  const spending = openSpendingBook(store, limits, nowMs)
  const open = new Set<PayerAgreement['id']>()

  const totals = () => channelTable.put(channel.channel, { amount: state.amount, promises })

  function sign(agreement: PayerAgreement): SignedPromise {
    const promise = promiseOf(agreement)
    const signature = crypto.sign(hashPromise(crypto, channel, promise), keys.privateKey)
    return { consumer: keys.identity, promise, signature }
  }

  return {
    get amount() {
      return state.amount
    },
    get promises() {
      return promises
    },
    spentOn: (provider, id) => state.agreements.get(agreementKey(provider, id))?.total ?? 0n,
    answer(invoice, terms, facts) {
      const answered = answerInvoice(state, invoice, terms, facts)
      if (!answered.ok) return answered
      const key = agreementKey(terms.provider, terms.agreementId)
      const agreement = answered.value.state.agreements.get(key) as PayerAgreement
      const step = answered.value.state.amount - state.amount
      const refusal = step > 0n ? spending.refusalOf(terms.provider, step) : undefined
      if (refusal !== undefined) return refuse(refusal)
      if (step > 0n) promises += 1
      state = answered.value.state
      // Durable before the promise leaves: after a crash the next total is above every total ever sent.
      const spent = step > 0n ? spending.writesOf(terms.provider, step) : []
      store.commit([agreementTable.put(key, agreement), totals(), ...spent])
      spending.spend(terms.provider, step)
      return accept(sign(agreement))
    },
    leftFor: spending.leftFor,
    get blank() {
      return saved === undefined && state.amount === 0n
    },
    open(id) {
      open.add(id)
    },
    close(provider, id, settled) {
      open.delete(id)
      if (!settled) return
      state = forgetAgreement(state, provider, id)
      store.commit([agreementTable.remove(agreementKey(provider, id))])
    },
    // A session that is running keeps its row: forgotten, its whole total would be promised a second time (W1).
    recorded: (provider) =>
      [...state.agreements.values()]
        .filter((agreement) => agreement.provider === provider && !open.has(agreement.id))
        .map(sign),
    adopt(shown, restoreJump) {
      state = adoptAmount(state, shown, restoreJump)
      store.commit([totals()])
    },
  }
}
