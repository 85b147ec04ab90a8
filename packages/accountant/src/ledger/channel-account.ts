/**
 * Channel account: what was credited from one consumer's channel, and the condition that keeps the accountant solvent.
 *
 * Promises of one channel come from several providers in any order, and any of their preimages may never be shown. The
 * prefix condition: for every credited item k, the deltas of all items with an amount up to k's sum to at most k's amount.
 * Then, whatever subset of preimages is revealed, the highest revealed amount covers what was credited for that subset (A3).
 *
 * @module
 */

import {
  address,
  assert,
  type Bytes32,
  bytes,
  field,
  findContradiction,
  list,
  message,
  optional,
  type SearchWork,
  type SignedPromise,
  signedPromiseSchema,
  uint,
  type ValueOfSchema,
} from '@myst/protocol'
import { keepPromise, keptPromises, keptPromisesSchema } from './kept-promises.ts'

const creditedItemSchema = message({ delta: field(0, uint(256)), signed: field(1, signedPromiseSchema) })

/** More unrevealed items than this mean that providers withhold preimages; nothing more is credited until some appear. */
export const maxOpenItems = 1024

export const channelAccountSchema = message({
  consumer: field(0, address),
  /** Everything up to `revealedAmount` collapses into one sum: any of it is collected with that amount. */
  revealedAmount: field(1, uint(256)),
  revealedSum: field(2, uint(256)),
  /** Credited above `revealedAmount`, preimage unknown; ascending by amount. */
  open: field(3, list(creditedItemSchema, maxOpenItems)),
  /** The highest credited promise: what `hold` lays on chain when the consumer leaves. */
  highest: optional(4, signedPromiseSchema),
  /** The revealed promise of the highest amount, with its preimage: what `collect` brings home. */
  collectable: optional(5, message({ signed: field(0, signedPromiseSchema), preimage: field(1, bytes(32, 32)) })),
  kept: optional(6, keptPromisesSchema),
})
export type ChannelAccount = ValueOfSchema<typeof channelAccountSchema>

export const emptyAccount = (consumer: ChannelAccount['consumer']): ChannelAccount => ({
  consumer,
  revealedAmount: 0n,
  revealedSum: 0n,
  open: [],
})

export const highestAmount = (account: ChannelAccount): bigint => account.highest?.promise.amount ?? 0n

/** All that was credited from this channel, to everybody, before fees. */
export const creditedSum = (account: ChannelAccount): bigint =>
  account.open.reduce((sum, { delta }) => sum + delta, account.revealedSum)

/** There is no room for what is not revealed at once. */
export const isFull = ({ open, revealedAmount }: ChannelAccount, amount: bigint): boolean =>
  open.length >= maxOpenItems && amount > revealedAmount

/** Credits one item, or returns undefined where the prefix condition would break. */
export function creditItem(account: ChannelAccount, signed: SignedPromise, delta: bigint): ChannelAccount | undefined {
  const { amount } = signed.promise
  const added = amount <= account.revealedAmount ? addRevealed(account, delta) : addOpen(account, signed, delta)
  if (added.open.length > maxOpenItems || !holdsPrefix(added)) return undefined
  const credited = { ...added, kept: keepPromise(account.kept, signed) }
  return amount > highestAmount(account) ? { ...credited, highest: signed } : credited
}

/**
 * What shows that the consumer has promised more than `signed` and these can bear; undefined where what is left of the
 * channel's promises does not show it.
 */
export function proofOf(
  account: ChannelAccount,
  signed: SignedPromise,
  work: SearchWork,
): readonly SignedPromise[] | undefined {
  const { open, highest, collectable } = account
  const { amount } = signed.promise
  const middle = placeAbove(open, amount)
  const near = open.slice(Math.max(0, middle - nearItems), middle + nearItems)
  const named = [highest, collectable?.signed].filter((one) => one !== undefined)
  const kept = keptPromises(account.kept, account.consumer)
  work.steps += gatherSteps
  return findContradiction(signed.promise, [...new Set([...kept, ...near.map((item) => item.signed), ...named])], work)
}
/** Below the refused one, and as many above. */
const nearItems = 2
/** To unpack what is kept, and sort it, takes as long as so many steps of the search. */
const gatherSteps = 256

/** A preimage is known now: everything under the highest amount it unlocks becomes one sum. */
export function revealItems(account: ChannelAccount, hashlock: Bytes32, preimage: Uint8Array): ChannelAccount {
  const unlocked = account.open.filter(({ signed }) => signed.promise.hashlock === hashlock).at(-1)
  if (unlocked === undefined) return account
  const { amount } = unlocked.signed.promise
  const covered = account.open.filter(({ signed }) => signed.promise.amount <= amount)
  const revealed: ChannelAccount = {
    ...account,
    revealedAmount: amount,
    revealedSum: covered.reduce((sum, { delta }) => sum + delta, account.revealedSum),
    open: account.open.filter(({ signed }) => signed.promise.amount > amount),
    collectable: { signed: unlocked.signed, preimage },
  }
  assert(holdsPrefix(revealed), 'revealing keeps the prefix condition')
  return revealed
}

/** The condition itself, as `payments.md` states it; exported for the tests that search it exhaustively. */
export function holdsPrefix(account: ChannelAccount): boolean {
  let sum = account.revealedSum
  if (sum > account.revealedAmount) return false
  return account.open.every(({ delta, signed }, index) => {
    sum += delta
    const next = account.open[index + 1]?.signed.promise.amount
    // Items of equal amount count together: the check falls on the last of them.
    return next === signed.promise.amount || sum <= signed.promise.amount
  })
}

const addRevealed = (account: ChannelAccount, delta: bigint): ChannelAccount => ({
  ...account,
  revealedSum: account.revealedSum + delta,
})

function addOpen(account: ChannelAccount, signed: SignedPromise, delta: bigint): ChannelAccount {
  const { amount } = signed.promise
  return { ...account, open: account.open.toSpliced(placeAbove(account.open, amount), 0, { delta, signed }) }
}

/** Of the first item above `amount`. */
function placeAbove(open: ChannelAccount['open'], amount: bigint): number {
  let [low, high] = [0, open.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((open[middle] as ChannelAccount['open'][number]).signed.promise.amount > amount) high = middle
    else low = middle + 1
  }
  return low
}
