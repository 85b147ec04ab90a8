/**
 * A sending: a call on its way under one nonce, and every transaction that was ever signed for it.
 *
 * All of them have the same nonce, so one of them at most can be mined, whichever a crash, a replacement or a
 * reorganisation brings about. Each is durable before it leaves; after a restart all their hashes are looked for.
 *
 * @module
 */

import type { Address, Hex } from '@myst/protocol'

/** In the chain's smallest unit, per gas. */
export interface Offer {
  readonly maxFeePerGas: bigint
  /** Part of it that goes to who makes the block. */
  readonly maxPriorityFeePerGas: bigint
}

export interface Attempt extends Offer {
  readonly hash: Hex
  /** Calls nobody and moves nothing: it only uses the nonce up. */
  readonly isVoid: boolean
}

export interface Sending {
  /** Whose it is: the name of a request, or `void-<nonce>` where a gap is filled. */
  readonly id: string
  readonly nonce: number
  readonly to: Address
  readonly data: Hex
  /** Limit of the call. */
  readonly gas: bigint
  /** No call is offered with more: it is what the request's fee pays for. */
  readonly maxFeePerGas: bigint
  /** Oldest first; the newest is what is broadcast. */
  readonly attempts: readonly Attempt[]
  /** The newest attempt, signed. */
  readonly raw: Hex
}

export type Outcome =
  /** Mined, at the confirmation depth. `spent`: what it cost, in the chain's smallest unit. */
  | { readonly kind: 'mined'; readonly hash: Hex; readonly spent: bigint }
  | { readonly kind: 'reverted'; readonly hash: Hex; readonly spent: bigint }
  /** Its nonce was used by another transaction: it can never be mined, and its owner may send it again. */
  | { readonly kind: 'displaced'; readonly spent: bigint }

export interface Market extends Offer {
  /** What the next block takes. */
  readonly expected: bigint
}

/** Nodes take a replacement only for a tenth more in both figures (geth's `pricebump`); an eighth is what all of them take. */
const leastRaise = (offered: bigint): bigint => (offered * 9n + 7n) / 8n

const lesser = (one: bigint, other: bigint): bigint => (one < other ? one : other)
const greater = (one: bigint, other: bigint): bigint => (one > other ? one : other)

/**
 * Leaves room for raises, since a block may want a higher priority fee, and nodes take that only with a raise of both: an
 * eighth above what the next block takes, or five eighths of the maximum, whichever is more.
 *
 * @param most per gas.
 */
export function firstOffer(market: Market, most: bigint): Offer {
  const enough = greater(leastRaise(market.expected), (most * 5n) / 8n)
  const maxFeePerGas = lesser(lesser(market.maxFeePerGas, enough), most)
  return { maxFeePerGas, maxPriorityFeePerGas: lesser(market.maxPriorityFeePerGas, maxFeePerGas) }
}

/** @returns the offer that replaces `before`; undefined where that would be more than `most`. */
export function raiseOffer(before: Offer, market: Market, most: bigint): Offer | undefined {
  const least = leastRaise(before.maxFeePerGas)
  if (least > most) return undefined
  const maxFeePerGas = lesser(greater(least, market.maxFeePerGas), most)
  const priority = greater(leastRaise(before.maxPriorityFeePerGas), market.maxPriorityFeePerGas)
  return { maxFeePerGas, maxPriorityFeePerGas: lesser(priority, maxFeePerGas) }
}
