/**
 * The oracle: an observer outside who reads every message and keeps its own list. What must hold is judged by that list and
 * by the chain alone, in exact integers.
 *
 * @module
 */

import {
  type Address,
  accountantPromiseStruct,
  type BatchAnswer,
  type Bytes32,
  batchAnswerContent,
  batchContent,
  type Crypto,
  ceilDivide,
  type Domain,
  decodeMessage,
  digestOf,
  type ExchangeReply,
  endReplySchema,
  hashlockOf,
  hashTypedData,
  type Invoice,
  type ItemVerdict,
  maxOf,
  openContent,
  type Pace,
  type Price,
  paymentMessageSchema,
  paymentProtocol,
  promiseReplySchema,
  type SignedAccountantPromise,
  type SignedContent,
  type SignedPromise,
  sessionAcceptSchema,
  sessionProtocol,
  toHex,
  totalCost,
} from '@myst/protocol'
import type { Meter } from './traffic.ts'
import type { Process } from './virtual-time.ts'

export interface Violation {
  readonly rule: string
  readonly what: string
  readonly atMs: number
}

/** Who opened which session with whom, and how much really flowed. */
export interface SeenSession {
  readonly consumer: string
  readonly provider: string
  readonly agreementId: Bytes32
  readonly meter: Meter | undefined
}

export interface Oracle {
  readonly violations: readonly Violation[]
  readonly sessions: readonly SeenSession[]
  /** What each consumer's wire carried, by signature. */
  promisesOf(consumer: Address): readonly SignedPromise[]
  /** Different ones, on any wire; and batches answered well. */
  readonly counts: { readonly promises: number; readonly batches: number }
  /** The newest total of each of its agreements. */
  totalsOf(consumer: Address): ReadonlyMap<string, bigint>
  /** What the accountant said it credited, as far as the answer arrived. */
  answersTo(provider: Address): readonly BatchAnswer[]
  /** The most that an honest consumer paid above what it used and 2 % of it, over its sessions. */
  readonly worstOverpaid: bigint
  violate(rule: string, what: string): void
  /** Keeps the newest of each list: a day's story would fill the memory. */
  forget(): void
  witness(from: Process, to: Process, protocol: string, body: Uint8Array): void
  /** The accountant's newest promise, as it shows it unasked or to who asks: adopted after a lost disk. */
  newest(provider: Address, promise: SignedAccountantPromise | undefined): void
  batchSent(provider: Address, batch: SignedContent): void
  replied(provider: Address, reply: ExchangeReply): void
  shown(provider: Address, preimage: Uint8Array): void
  /** An old backup was restored: up to `restoreJump` may be skipped, and what was signed before may come again. */
  restored(identity: Address): void
  /**
   * The accountant's ledger is an old backup: an answer that its provider lost too is given anew, and may be another.
   *
   * @param newestOf the newest epoch whose answer that provider has.
   */
  ledgerRestored(newestOf: (provider: Address) => bigint | undefined): void
  isRestored(identity: Address): boolean
  restoresOf(identity: Address): number
  /** It asked the accountant what it had promised, and goes on above that. */
  asked(consumer: Address): void
  /** Channel amounts that were skipped and pay nobody's service. */
  skippedBy(consumer: Address): bigint
}

export interface OracleFacts {
  readonly crypto: Crypto
  readonly domain: Domain
  readonly operator: Address
  readonly price: Price
  readonly pace: Pace
  readonly feeLimit: number
  nowMs(): number
  isHonest(name: string): boolean
  isHonestIdentity(identity: Address): boolean
  /** By the parameters of the accept. */
  meterOf(parameters: Uint8Array): Meter | undefined
  /** The most that the channel of this consumer can promise, by the newest blocks. */
  capacityOf(consumer: Address): bigint
  readonly unprovedRefusals: bigint
  /** This refusal is the consumer's doing. */
  isProven(refused: SignedPromise, verdict: ItemVerdict): boolean
  /** The node's leeway of bytes, and its tolerance. */
  readonly leewayBytes: bigint
}

export function createOracle(facts: OracleFacts): Oracle {
  const { crypto, domain } = facts
  const violations: Violation[] = []
  const sessions: SeenSession[] = []
  const byAgreement = new Map<string, SeenSession>()
  const promises = new Map<Address, Map<string, SignedPromise>>()
  const byAmount = new Map<string, readonly SignedPromise[]>()
  const totals = new Map<Address, Map<string, bigint>>()
  const stretches = new Map<Address, { from: bigint; to: bigint }[]>()
  const highest = new Map<Address, bigint>()
  const answers = new Map<Address, BatchAnswer[]>()
  const answerBytes = new Map<string, string>()
  const shownLocks = new Map<Bytes32, number>()
  const goodLocks = new Set<Bytes32>()
  const invoiced = new Map<string, bigint>()
  /** Restored, and not asked yet. */
  const exempt = new Set<Address>()
  const everRestored = new Map<Address, number>()
  let worstOverpaid = 0n
  const counts = { promises: 0, batches: 0 }

  const fast = totalCost(facts.price, { durationMs: 0n, bytes: facts.leewayBytes })
  const leeway = maxOf(facts.pace.maxInvoiceAmount, fast)

  function violate(rule: string, what: string): void {
    violations.push({ rule, what, atMs: facts.nowMs() })
  }

  function seePromise(signed: SignedPromise): void {
    const { consumer, promise, signature } = signed
    const own = promises.get(consumer) ?? new Map<string, SignedPromise>()
    promises.set(consumer, own)
    const name = toHex(signature)
    if (own.has(name)) return
    own.set(name, signed)
    counts.promises += 1
    const { amount, agreement } = promise
    const twins = byAmount.get(`${consumer}/${amount}`) ?? []
    byAmount.set(`${consumer}/${amount}`, [...twins, signed])
    const ofConsumer = totals.get(consumer) ?? new Map<string, bigint>()
    totals.set(consumer, ofConsumer)
    const key = `${agreement.provider}/${agreement.id}`
    const before = ofConsumer.get(key) ?? 0n
    if (facts.isHonestIdentity(consumer)) checkPromise(signed, before, twins)
    ofConsumer.set(key, maxOf(before, agreement.total))
    highest.set(consumer, maxOf(highest.get(consumer) ?? 0n, amount))
  }

  function checkPromise({ consumer, promise }: SignedPromise, before: bigint, twins: readonly SignedPromise[]): void {
    const { amount, agreement } = promise
    const top = highest.get(consumer) ?? 0n
    if (!exempt.has(consumer)) {
      const again = twins.every(
        ({ promise: of }) => of.agreement.id === agreement.id && of.agreement.total === agreement.total,
      )
      // P2: no amount is signed for two things; signing again under another lock is allowed once.
      if (!again) violate('P2', `${consumer} signs ${amount} for two things`)
      else if (twins.length > 1) violate('P2', `${consumer} signs ${amount} under ${twins.length + 1} locks`)
      // P1, P2: each has a stretch of the channel to itself, as long as what it pays. One that a crash kept back comes late.
      const from = amount - (agreement.total - before)
      const own = stretches.get(consumer) ?? []
      const taken = from < top && own.some((other) => other.from < amount && from < other.to)
      if (twins.length === 0 && (from < 0n || taken)) {
        violate('P1', `${consumer} signs ${amount} for ${agreement.total - before} more, and has signed ${top} before`)
      }
      stretches.set(consumer, own)
      const joins = own.find(({ to }) => to === from)
      if (joins === undefined) own.push({ from, to: amount })
      else joins.to = amount
    }
    if (amount > facts.capacityOf(consumer)) violate('P5', `${consumer} signs ${amount} above its channel`)
    const session = byAgreement.get(agreement.id)
    // An agreement that was never made hides what is paid twice (W1).
    if (session === undefined) return violate('P3', `${consumer} promises for an agreement it never made`)
    if (session.meter === undefined) return
    const cost = totalCost(facts.price, session.meter.usage())
    const fair = ceilDivide(cost * 102n, 100n)
    worstOverpaid = maxOf(worstOverpaid, agreement.total - fair)
    if (agreement.total > fair + leeway) violate('P4', `${consumer} pays ${agreement.total} for ${cost}`)
  }

  const taken = new Map<string, { readonly amount: bigint; readonly total: bigint }>()
  /** P7: what a provider exchanges it has counted as payment, so it must be one. */
  function checkTaken({ consumer, promise: { amount, agreement } }: SignedPromise): void {
    const key = `${consumer}/${agreement.provider}/${agreement.id}`
    const before = taken.get(key) ?? { amount: 0n, total: 0n }
    if (agreement.total <= before.total) return
    taken.set(key, { amount, total: agreement.total })
    if (amount - before.amount >= agreement.total - before.total) return
    violate('P7', `a step of ${amount - before.amount} was taken for ${agreement.total - before.total}`)
  }

  function seeInvoice(provider: Process, { agreementId, hashlock, total }: Invoice): void {
    const before = invoiced.get(agreementId) ?? -1n
    if (total <= before) return
    invoiced.set(agreementId, total)
    // One that is sent late is no harm: its promise goes into the next batch as it is. A life that begins takes a new lock.
    const shownAtMs = shownLocks.get(hashlock) ?? Number.POSITIVE_INFINITY
    if (facts.isHonest(provider.name) && shownAtMs < provider.bornAtMs) {
      violate('W30', `${provider.name} asks for a promise under a lock whose preimage an earlier life has shown`)
    }
  }

  function seeSessionAnswer(from: Process, to: Process, body: Uint8Array): void {
    const accept = decodeMessage(sessionAcceptSchema, body)
    if (!accept.ok) {
      const end = decodeMessage(endReplySchema, body)
      if (end.ok && end.value.invoice !== undefined) seeInvoice(from, end.value.invoice)
      return
    }
    const { agreementId, parameters, invoice } = accept.value
    const session = { consumer: to.name, provider: from.name, agreementId, meter: facts.meterOf(parameters) }
    sessions.push(session)
    byAgreement.set(agreementId, session)
    seeInvoice(from, invoice)
  }

  const isSigned = ({ amount, hashlock, signature }: SignedAccountantPromise, provider: Address): boolean =>
    crypto.recover(
      hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock }),
      signature,
    ) === facts.operator

  /** What the contract and the provider would both take. */
  function isGood(
    { promise, digest, verdicts, credited, fee, feeRate, bounty = 0n }: BatchAnswer,
    provider: Address,
  ): boolean {
    const sent = batches.get(provider)?.get(digest)
    if (sent === undefined || verdicts.length !== sent.items.length || feeRate > facts.feeLimit) return false
    const sum = verdicts.reduce((all, { delta }) => all + delta, 0n)
    const kept = (sum * BigInt(feeRate)) / 10_000n
    const { amount, hashlock } = promise
    return (
      fee === kept &&
      credited === sum - kept &&
      amount === sent.previousAmount + sum - kept + bounty &&
      hashlock === sent.hashlock &&
      promise.provider === provider &&
      isSigned(promise, provider)
    )
  }

  const refused = new Map<Address, bigint>()
  const creditedTotals = new Map<string, bigint>()

  function noteRefusals(provider: Address, { digest, verdicts }: BatchAnswer): void {
    const items = batches.get(provider)?.get(digest)?.items ?? []
    for (const [index, item] of items.entries()) {
      const { consumer, promise } = item
      const { agreement } = promise
      const key = `${consumer}/${provider}/${agreement.id}`
      const verdict = verdicts[index]
      if (verdict?.code === undefined) creditedTotals.set(key, agreement.total)
      else if (verdict.final === true && !facts.isProven(item, verdict)) {
        const sum = agreement.total - (creditedTotals.get(key) ?? 0n)
        refused.set(provider, (refused.get(provider) ?? 0n) + sum)
      }
    }
  }

  const batches = new Map<
    Address,
    Map<
      Bytes32,
      { readonly items: readonly SignedPromise[]; readonly previousAmount: bigint; readonly hashlock: Bytes32 }
    >
  >()

  function forget(): void {
    for (const own of promises.values()) {
      // The newest of an agreement may stay on record for long, and is repeated when the two meet again.
      const newest = new Map([...own].map(([name, { promise }]) => [promise.agreement.id, name]))
      const kept = new Set(newest.values())
      const old = [...own].filter(([name]) => !kept.has(name))
      for (const [name, { consumer, promise }] of old) {
        own.delete(name)
        const twins = byAmount.get(`${consumer}/${promise.amount}`) ?? []
        if (!twins.some(({ signature }) => kept.has(toHex(signature)))) byAmount.delete(`${consumer}/${promise.amount}`)
      }
    }
    for (const [provider, own] of answers) answers.set(provider, own.slice(-8))
    for (const own of batches.values()) dropOldest(own, 8)
    dropOldest(answerBytes, 64)
    dropOldest(shownLocks, 64)
    for (const lock of [...goodLocks].slice(0, -64)) goodLocks.delete(lock)
  }

  return {
    violations,
    sessions,
    counts,
    promisesOf: (consumer) => [...(promises.get(consumer)?.values() ?? [])],
    totalsOf: (consumer) => totals.get(consumer) ?? new Map(),
    answersTo: (provider) => answers.get(provider) ?? [],
    get worstOverpaid() {
      return worstOverpaid
    },
    violate,
    forget,
    witness(from, to, protocol, body) {
      if (protocol === `${sessionProtocol} answer`)
        return body.length > 64 ? seeSessionAnswer(from, to, body) : undefined
      if (protocol === paymentProtocol) {
        const message = decodeMessage(paymentMessageSchema, body)
        if (!message.ok) return
        if (message.value.kind === 'invoice') seeInvoice(from, message.value.invoice)
        else for (const signed of message.value.promises) seePromise(signed)
      } else if (protocol === `${paymentProtocol} answer` && body.length > 64) {
        const reply = decodeMessage(promiseReplySchema, body)
        if (reply.ok && reply.value.kind === 'promised') seePromise(reply.value.promise)
      }
    },
    newest(provider, promise) {
      if (promise !== undefined && isSigned(promise, provider)) goodLocks.add(promise.hashlock)
    },
    batchSent(provider, signed) {
      const opened = openContent(crypto, domain, batchContent, signed, provider)
      if (!opened.ok) return
      const { items, previousAmount, hashlock, lastPreimage } = opened.value
      if (facts.isHonestIdentity(provider)) for (const item of items) checkTaken(item)
      const own = batches.get(provider) ?? new Map()
      batches.set(provider, own)
      const digest = digestOf(crypto, signed.content)
      // A batch is sent again where its answer could not be judged: the chain was away.
      const isNew = !own.has(digest)
      own.set(digest, { items, previousAmount, hashlock })
      const sum = refused.get(provider) ?? 0n
      if (facts.isHonestIdentity(provider) && isNew && sum > facts.unprovedRefusals) {
        violate('W29', `${provider} goes on after ${sum} was refused without proof`)
      }
      if (lastPreimage !== undefined) this.shown(provider, lastPreimage)
    },
    replied(provider, reply) {
      if (reply.kind === 'refused') {
        this.newest(provider, reply.newest)
        return
      }
      const opened = openContent(crypto, domain, batchAnswerContent, reply.answer, facts.operator)
      if (!opened.ok) return
      const answer = opened.value
      if (facts.isHonest('accountant')) {
        const name = `${provider}/${answer.epoch}`
        const bytes = toHex(reply.answer.content)
        // A4: an epoch has one answer, for ever.
        if ((answerBytes.get(name) ?? bytes) !== bytes) violate('A4', `two answers to ${name}`)
        answerBytes.set(name, bytes)
      }
      if (reply.kind === 'already-answered') {
        this.newest(provider, answer.promise)
        return
      }
      if (!isGood(answer, provider)) return
      goodLocks.add(answer.promise.hashlock)
      const own = answers.get(provider) ?? []
      answers.set(provider, own)
      if (own.some(({ digest }) => digest === answer.digest)) return
      own.push(answer)
      counts.batches += 1
      noteRefusals(provider, answer)
    },
    shown(provider, preimage) {
      const lock = hashlockOf(crypto, preimage)
      if (!shownLocks.has(lock)) shownLocks.set(lock, facts.nowMs())
      // P9: only after a good answer for this lock.
      if (facts.isHonestIdentity(provider) && !goodLocks.has(lock)) {
        violate('P9', `${provider} shows a preimage before a good promise for it`)
      }
    },
    restored(identity) {
      exempt.add(identity)
      // What was refused before is forgotten with the rest.
      refused.delete(identity)
      everRestored.set(identity, (everRestored.get(identity) ?? 0) + 1)
    },
    ledgerRestored(newestOf) {
      for (const name of answerBytes.keys()) {
        const [provider, epoch] = name.split('/') as [Address, string]
        if (BigInt(epoch) > (newestOf(provider) ?? 0n)) answerBytes.delete(name)
      }
    },
    restoresOf: (identity) => everRestored.get(identity) ?? 0,
    isRestored: (identity) => everRestored.has(identity),
    asked: (consumer) => void exempt.delete(consumer),
    skippedBy: (consumer) => {
      const paid = [...(totals.get(consumer)?.values() ?? [])].reduce((sum, total) => sum + total, 0n)
      return maxOf(0n, (highest.get(consumer) ?? 0n) - paid)
    },
  }
}

/** A map keeps the order in which it was filled. @returns what went. */
function dropOldest<V>(map: Map<string, V>, keep: number): V[] {
  const old = [...map].slice(0, Math.max(0, map.size - keep))
  for (const [key] of old) map.delete(key)
  return old.map(([, value]) => value)
}
