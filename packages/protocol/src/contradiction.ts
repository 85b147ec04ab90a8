/**
 * Contradiction: promises of one channel that no honest book has signed.
 *
 * A book is serial. Each of its steps raises the channel's amount by at least what it adds to the total of one agreement, and
 * signs both. So from one amount to a higher one, the totals of all agreements together grow by no more than the amount
 * does, and no two agreements share an amount. Promises that show otherwise prove that their consumer has promised the same
 * money twice, whoever shows them.
 *
 * @module
 */

import { maxOf, minOf } from './amount.ts'
import type { Crypto } from './crypto.ts'
import {
  type Agreement,
  type ChannelDomain,
  type PaymentPromise,
  recoverPromiseSigner,
  type SignedPromise,
} from './payment-promise.ts'

/** Of a proof, 250 bytes each. Two of each agreement are enough, and most contradictions have two agreements. */
export const maxProofPromises = 16

/**
 * Whether these promises prove that the refusal of `refused` is its consumer's doing: all are signed by the consumer for this
 * channel, and they contradict each other with the refused one among them.
 *
 * @param since the caller knows that its agreement had not begun when the channel had promised this much.
 */
export function provesRefusal(
  crypto: Crypto,
  channel: ChannelDomain,
  refused: SignedPromise,
  proof: readonly SignedPromise[],
  since = 0n,
): boolean {
  if (proof.length > maxProofPromises || !contradicts(refused.promise, proof, since)) return false
  return [refused, ...proof].every(
    ({ consumer, promise, signature }) =>
      consumer === refused.consumer && recoverPromiseSigner(crypto, channel, promise, signature) === consumer,
  )
}

/** How much searching was done: one for each promise that was looked at. */
export interface SearchWork {
  steps: number
}

/**
 * As few of `others` as contradict `refused`; undefined where an honest book may have signed them all.
 *
 * Its provider knows of a time when the agreement had not begun, and the caller doesn't: what needs no such knowledge is
 * shown, or else what needs least of it.
 *
 * @param work is added to. No search among `n` promises, the refused one among them, takes more than `5n²` steps.
 */
export function findContradiction(
  refused: PaymentPromise,
  others: readonly SignedPromise[],
  work: SearchWork = { steps: 0 },
): readonly SignedPromise[] | undefined {
  const book = bookOf(refused, others, work)
  const latestBegin = refused.amount - refused.agreement.total
  let needsLeast: bigint | undefined
  // From above: what is around the refused amount needs the fewest promises.
  for (const from of fromsOf(book).toReversed()) {
    if (from > latestBegin) {
      if (outgrows(book, from, false)) return fewestOf(book, from, false)
    } else if (outgrows(book, from, true)) {
      if (outgrows(book, from, false)) return fewestOf(book, from, false)
      needsLeast = from
    }
  }
  return needsLeast === undefined ? undefined : fewestOf(book, needsLeast, true)
}

function fewestOf(book: Book, from: bigint, begins: boolean): readonly SignedPromise[] {
  const fewest = book.entries.reduce((entries, entry) => {
    const fewer = entries.filter((one) => one !== entry)
    return entry.signed !== undefined && outgrows({ ...book, entries: fewer }, from, begins) ? fewer : entries
  }, book.entries)
  return fewest.flatMap(({ signed }) => signed ?? [])
}

/** Somewhere above `from` and up to `to`, around the refused amount, more was promised than the amount grew. */
function contradicts(refused: PaymentPromise, others: readonly SignedPromise[], since: bigint): boolean {
  const book = bookOf(refused, others)
  return [...fromsOf(book), since].some((from) => from < refused.amount && outgrows(book, from, from <= since))
}

interface Entry {
  readonly amount: bigint
  readonly total: bigint
  /** A number for each agreement; the refused one's is 0. */
  readonly agreement: number
  /** Not of the refused one. */
  readonly signed: SignedPromise | undefined
}

interface Book {
  readonly refused: bigint
  /** Ascending by amount, then by total. */
  readonly entries: readonly Entry[]
  readonly work: SearchWork
}

function bookOf(refused: PaymentPromise, others: readonly SignedPromise[], work: SearchWork = { steps: 0 }): Book {
  const agreements: Agreement[] = []
  const entryOf = ({ amount, agreement }: PaymentPromise, signed?: SignedPromise): Entry => {
    const { id, provider, total } = agreement
    const found = agreements.findIndex((one) => one.id === id && one.provider === provider)
    return { amount, total, agreement: found < 0 ? agreements.push(agreement) - 1 : found, signed }
  }
  const entries = [entryOf(refused), ...others.map((other) => entryOf(other.promise, other))]
  return { refused: refused.amount, entries: entries.sort(byAmount), work }
}

/** Ascending. Between them, nothing else is promised. */
function fromsOf({ refused, entries }: Book): readonly bigint[] {
  const froms = [0n]
  for (const { amount } of entries) {
    for (const from of [amount - 1n, amount]) if (from < refused && from > (froms.at(-1) as bigint)) froms.push(from)
  }
  return froms
}

/**
 * Whether, up to some amount, what the agreements have grown by at the least is more than the amount grew.
 *
 * @param begins whether the refused agreement had not begun at `from`.
 */
function outgrows({ refused, entries, work }: Book, from: bigint, begins: boolean): boolean {
  work.steps += entries.length
  const lowest: (bigint | undefined)[] = begins ? [0n] : []
  const unseen = from === 0n ? 0n : undefined
  const growth: bigint[] = []
  let sum = 0n
  for (let index = 0; index < entries.length; index++) {
    const { amount, total, agreement } = entries[index] as Entry
    if (amount < from) continue
    const low = lowest[agreement] ?? unseen
    if (amount > from) {
      // The step that signed it ended at its amount, and was of something.
      const least = maxOf(1n, total - (low ?? total))
      const before = growth[agreement] ?? 0n
      if (least > before) {
        growth[agreement] = least
        sum += least - before
      }
      if (amount >= refused && amount !== entries[index + 1]?.amount && sum > amount - from) return true
    }
    lowest[agreement] = minOf(low ?? total, total)
  }
  return false
}

function byAmount(one: Entry, other: Entry): number {
  if (one.amount !== other.amount) return one.amount < other.amount ? -1 : 1
  return one.total < other.total ? -1 : Number(one.total > other.total)
}
