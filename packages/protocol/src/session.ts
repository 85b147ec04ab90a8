/**
 * Session messages: how a consumer asks for service, and how both sides say what happens.
 *
 * The request is signed over the link's handshake hash, which both transport keys made together: carried to another
 * provider, or played again, it proves nothing.
 *
 * @module
 */

import { invoiceSchema } from './invoice.ts'
import {
  address,
  bytes,
  bytes32,
  count,
  field,
  list,
  message,
  optional,
  text,
  uint,
  type ValueOfSchema,
  variants,
} from './message.ts'
import { contentType, signedContent } from './signed-content.ts'
import { signedPromiseSchema } from './signed-promise.ts'

export const sessionProtocol = '/myst/session/1.0'
export const paymentProtocol = '/myst/payment/1.0'
export const tunnelProtocol = '/myst/tunnel/1.0'
export const proxyProtocol = '/myst/proxy/1.0'
export const punchProtocol = '/myst/punch/1.0'

/** How a consumer wants to be billed. */
export const paceSchema = message({
  minInvoiceMs: field(0, count(600_000)),
  maxInvoiceMs: field(1, count(600_000)),
  maxInvoiceAmount: field(2, uint(256)),
})
export type Pace = ValueOfSchema<typeof paceSchema>

export const priceSchema = message({ perHour: field(0, uint(256)), perGib: field(1, uint(256)) })

export const sessionRequestSchema = message({
  networkId: field(0, text(64)),
  consumer: field(1, address),
  provider: field(2, address),
  /** The link's, at least 32 bytes. */
  handshakeHash: field(3, bytes(64, 32)),
  serviceType: field(4, text(32)),
  serviceVersion: field(5, count(65_535)),
  /** The proposal that is accepted, and its price as the consumer read it. */
  proposalSeq: field(6, uint(64)),
  price: field(7, priceSchema),
  accountant: field(8, address),
  channel: field(9, address),
  /** Signed by the accountant's operator, ≤ 5 min old. */
  capacity: field(10, signedContent(1024)),
  pace: field(11, paceSchema),
  /** The most that this session may cost; absent: what the channel holds. */
  budget: optional(12, uint(256)),
  /** The driver's. */
  parameters: field(13, bytes(4096)),
  issuedAtMs: field(14, uint(53)),
})
export type SessionRequest = ValueOfSchema<typeof sessionRequestSchema>
/** Signed by the consumer's identity, in the network's domain. */
export const sessionRequestContent = contentType('SessionRequest', sessionRequestSchema, 16_384)

export const sessionAcceptSchema = message({
  sessionId: field(0, bytes(16, 16)),
  agreementId: field(1, bytes32),
  parameters: field(2, bytes(4096)),
  invoice: field(3, invoiceSchema),
})
export type SessionAccept = ValueOfSchema<typeof sessionAcceptSchema>

const sessionId = field(0, bytes(16, 16))

/** What a consumer asks of a provider on `sessionProtocol`; the answer to `open` is a `SessionAccept`. */
export const toProviderSchema = variants({
  open: message({ request: field(0, signedContent(16_384)) }),
  'keep-alive': message({ sessionId }),
  /** The answer is the final invoice. */
  end: message({ sessionId, reason: field(1, text(64)) }),
})
export type ToProvider = ValueOfSchema<typeof toProviderSchema>

/** The answer to `end`: the last invoice, where anything is due. */
export const endReplySchema = message({ invoice: optional(0, invoiceSchema) })

/** What a provider tells a consumer on `sessionProtocol`. */
export const toConsumerSchema = variants({
  pause: message({ sessionId, reason: field(1, text(64)) }),
  resume: message({ sessionId }),
  end: message({ sessionId, reason: field(1, text(64)) }),
})
export type ToConsumer = ValueOfSchema<typeof toConsumerSchema>

/** On `paymentProtocol`: a provider sends `invoice` and is answered with a promise; a consumer sends `promises` unasked
 * (the first of a session, and after a crash those it has on record). */
export const paymentMessageSchema = variants({
  invoice: message({ invoice: field(0, invoiceSchema) }),
  promises: message({ promises: field(0, list(signedPromiseSchema, 64)) }),
})
export type PaymentMessage = ValueOfSchema<typeof paymentMessageSchema>

/** The answer to an invoice. */
export const promiseReplySchema = variants({
  promised: message({ promise: field(0, signedPromiseSchema) }),
  refused: message({ code: field(0, text(48)) }),
})
export type PromiseReply = ValueOfSchema<typeof promiseReplySchema>

export const emptySchema = message({})
