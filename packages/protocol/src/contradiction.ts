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
import { type ChannelDomain, type PaymentPromise, recoverPromiseSigner, type SignedPromise } from './payment-promise.ts'

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

/** As few of `others` as contradict `refused`; undefined where an honest book may have signed them all. @param since as above. */
export function findContradiction(
  refused: PaymentPromise,
  others: readonly SignedPromise[],
  since = 0n,
): readonly SignedPromise[] | undefined {
  if (!contradicts(refused, others, since)) return undefined
  return others.reduce((shown, other) => {
    const without = shown.filter((one) => one !== other)
    return contradicts(refused, without, since) ? without : shown
  }, others)
}

/** Somewhere above `from` and up to `to`, around the refused amount, more was promised than the amount grew. */
function contradicts(
  refused: PaymentPromise,
  others: readonly { readonly promise: PaymentPromise }[],
  since = 0n,
): boolean {
  const own = nameOf(refused)
  const promises = [refused, ...others.map(({ promise }) => promise)]
  const amounts = promises.map(({ amount }) => amount)
  const froms = [0n, since, ...amounts, ...amounts.map((amount) => amount - 1n)].filter((from) => from < refused.amount)
  const tos = amounts.filter((to) => to >= refused.amount)
  const agreements = [...Map.groupBy(promises.toSorted(byAmount), nameOf)]
  return froms.some((from) =>
    tos.some((to) => {
      const grown = agreements.map(([name, signed]) => leastGrowth(signed, from, to, name === own ? since : 0n))
      return grown.reduce((sum, one) => sum + one, 0n) > to - from
    }),
  )
}

/** What one agreement's total has grown by at the least, while the amount went above `from` and up to `to`. */
function leastGrowth(ascending: readonly PaymentPromise[], from: bigint, to: bigint, since: bigint): bigint {
  let lowest = since >= from ? 0n : undefined
  let growth = 0n
  for (const { amount, agreement } of ascending) {
    if (amount < from || amount > to) continue
    // The step that signed it ended at its amount, and was of something.
    if (amount > from) growth = maxOf(growth, maxOf(1n, agreement.total - (lowest ?? agreement.total)))
    lowest = minOf(lowest ?? agreement.total, agreement.total)
  }
  return growth
}

const nameOf = ({ agreement }: PaymentPromise): string => `${agreement.provider}/${agreement.id}`
const byAmount = (one: PaymentPromise, other: PaymentPromise): number =>
  Number(one.amount > other.amount) - Number(one.amount < other.amount) ||
  Number(one.agreement.total > other.agreement.total) - Number(one.agreement.total < other.agreement.total)
