/**
 * Exchange as a stream: one WebSocket at `/v1/exchange`, many batches at once, answered in any order. Each binary message is
 * one of these, and carries its provider's signature. The request that opens the connection is signed as any other private
 * one (`signRequest`, GET): whoever serves many providers has one name and one share of the accountant's time.
 *
 * @module
 */

import { exchangeReplySchema, maxBatchBytes } from './exchange.ts'
import { field, message, uint, type ValueOfSchema } from './message.ts'
import { signedContent } from './signed-content.ts'

/** A batch, its signature, and the frame around them. */
export const maxStreamBytes = maxBatchBytes + 1024
/** An answer has the bound of a batch; its signature, and the frame around them. */
export const maxStreamReplyBytes = maxBatchBytes + 4096

export const streamRequestSchema = message({
  /** The sender's own; comes back with the reply. */
  id: field(0, uint(53)),
  batch: field(1, signedContent(maxBatchBytes)),
})
export type StreamRequest = ValueOfSchema<typeof streamRequestSchema>

export const streamReplySchema = message({ id: field(0, uint(53)), reply: field(1, exchangeReplySchema) })
export type StreamReply = ValueOfSchema<typeof streamReplySchema>
