/**
 * What the provider says on a link. It may speak between its accept and our beginning: that is kept, or we would dial again
 * who has sent us away.
 *
 * @module
 */

import type { Link } from '@myst/link'
import {
  decodeMessage,
  emptySchema,
  encodeMessage,
  Fault,
  type Invoice,
  type PromiseReply,
  paymentMessageSchema,
  paymentProtocol,
  promiseReplySchema,
  sessionProtocol,
  type ToConsumer,
  toConsumerSchema,
} from '@myst/protocol'

export interface Inbox {
  /** From here on the session hears everything; first what came before. */
  deliver(to: Addressee): void
}

export interface Addressee {
  invoiced(invoice: Invoice): Promise<PromiseReply>
  hear(message: ToConsumer): void
}

export function openInbox(link: Link): Inbox {
  let addressee: Addressee | undefined
  let early: ToConsumer | undefined

  link.onRequest(paymentProtocol, async (body) => {
    const message = decodeMessage(paymentMessageSchema, body)
    if (!message.ok || message.value.kind !== 'invoice') throw new Fault('message-invalid')
    const reply = (await addressee?.invoiced(message.value.invoice)) ?? noSession
    return encodeMessage(promiseReplySchema, reply)
  })
  link.onRequest(sessionProtocol, (body) => {
    const message = decodeMessage(toConsumerSchema, body)
    if (!message.ok) throw new Fault(message.refusal.code)
    if (addressee === undefined) early = message.value
    else addressee.hear(message.value)
    return encodeMessage(emptySchema, {})
  })

  return {
    deliver(to) {
      addressee = to
      if (early !== undefined) to.hear(early)
    },
  }
}

export const noSession: PromiseReply = { kind: 'refused', code: 'invoice-no-session' }
