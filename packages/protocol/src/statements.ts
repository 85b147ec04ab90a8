/**
 * What the accountant states about a channel, a provider or a consumer.
 *
 * @module
 */

import { accountantPromiseMessage } from './exchange.ts'
import { openFastExitMessage } from './fast-exit.ts'
import { address, bytes, field, flag, message, optional, signature, uint, type ValueOfSchema } from './message.ts'
import { contentType } from './signed-content.ts'
import { signedPromiseSchema } from './signed-promise.ts'

/** Older than this, a provider does not grant its first credit on it. */
export const statementLifetimeMs = 5 * 60_000

export const capacityStatementSchema = message({
  channel: field(0, address),
  consumer: field(1, address),
  /** The largest amount the channel could promise: balance + settled less what is reserved. */
  capacity: field(2, uint(256)),
  /** The highest amount credited so far. Free = capacity − promised. */
  promised: field(3, uint(256)),
  exitPending: field(4, flag),
  issuedAtMs: field(5, uint(53)),
})
export type CapacityStatement = ValueOfSchema<typeof capacityStatementSchema>
/** Signed by the operator, in the accountant contract's domain. */
export const capacityStatementContent = contentType('CapacityStatement', capacityStatementSchema, 1024)

/** Enough for a provider to rebuild a lost disk: the accountant's own newest promise, and what it credited. */
export const providerStandingSchema = message({
  newest: optional(0, accountantPromiseMessage),
  /** The stored answer of the newest epoch, byte for byte. */
  answer: optional(1, bytes(512 * 1024)),
})
export type ProviderStanding = ValueOfSchema<typeof providerStandingSchema>

/** After a change of the operator's key, and from its announcement on: the newest promise, signed anew. */
export const resignReplySchema = message({
  /** By the key that signs now; absent: nothing was promised. */
  newest: optional(0, accountantPromiseMessage),
  /** By the key that was announced, for the day on which it holds. */
  next: optional(1, message({ operator: field(0, address), signature: field(1, signature) })),
})
export type ResignReply = ValueOfSchema<typeof resignReplySchema>

/** Enough for a consumer: its own highest promise, signed by itself, so that nobody's word is needed. */
export const consumerStandingSchema = message({
  channel: field(0, address),
  capacity: field(1, uint(256)),
  highest: optional(2, signedPromiseSchema),
  /** Co-signed and not over: `capacity` is without it. */
  fastExit: optional(3, openFastExitMessage),
})
export type ConsumerStanding = ValueOfSchema<typeof consumerStandingSchema>

/** The end of business: a preimage without a batch. */
export const revealSchema = message({ preimage: field(0, bytes(32, 32)) })
