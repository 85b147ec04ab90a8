/**
 * What the two sides of a punch tell each other over their link, and the mailbox that keeps it until it is asked for.
 *
 * @module
 */

import {
  count,
  decodeMessage,
  encodeMessage,
  field,
  message,
  oneOf,
  text,
  type ValueOfSchema,
  variants,
} from '@myst/protocol'

/** Carries whole messages between the two sides, in order; a pair of link notifications fits. */
export interface PunchChannel {
  send(message: Uint8Array): void | Promise<void>
  receive(): AsyncIterable<Uint8Array>
}

const longestIp = 45
/** The longest message is an offer of about 80 bytes. */
const maxPunchMessageBytes = 256

const punchMessageSchema = variants({
  /** My outer address, and how my router maps. */
  offer: message({
    host: field(0, text(longestIp)),
    port: field(1, count(65_535)),
    mapping: field(2, oneOf(['none', 'cone', 'symmetric'])),
  }),
  /** My router now expects your packets. */
  opened: message({}),
  /** Packets pass both ways: I stop. */
  won: message({}),
  'gave-up': message({ reason: field(0, text(40)) }),
})

export type PunchMessage = ValueOfSchema<typeof punchMessageSchema>
type Kind = PunchMessage['kind']

export interface Mailbox {
  send(message: PunchMessage): Promise<void>
  /** Waits for a message of the kind. Rejects where the other side gave up, the channel ended, or the signal fired. */
  next<K extends Kind>(kind: K): Promise<Extract<PunchMessage, { kind: K }>>
}

export class PeerGaveUp extends Error {}

/** Each kind once: a second message of a kind is ignored, as is everything malformed. */
export function openMailbox(channel: PunchChannel, signal: AbortSignal): Mailbox {
  const slots = new Map<Kind, PromiseWithResolvers<PunchMessage>>()
  const slot = (kind: Kind) => {
    let entry = slots.get(kind)
    if (entry === undefined) {
      entry = Promise.withResolvers()
      entry.promise.catch(() => {}) // read by whoever waits for it, if anybody does
      slots.set(kind, entry)
    }
    return entry
  }
  const kinds: readonly Kind[] = ['offer', 'opened', 'won']
  const failAll = (reason: unknown) => {
    for (const kind of kinds) slot(kind).reject(reason)
  }
  const incoming = channel.receive()[Symbol.asyncIterator]()
  signal.addEventListener(
    'abort',
    () => {
      failAll(signal.reason)
      void incoming.return?.() // the channel need not keep what nobody reads
    },
    { once: true },
  )

  const pump = async () => {
    for (let next = await incoming.next(); !next.done && !signal.aborted; next = await incoming.next()) {
      const bytes = next.value
      const verdict = decodeMessage(punchMessageSchema, bytes, maxPunchMessageBytes)
      if (!verdict.ok) continue
      if (verdict.value.kind === 'gave-up') failAll(new PeerGaveUp(verdict.value.reason))
      else slot(verdict.value.kind).resolve(verdict.value)
    }
    failAll(new PeerGaveUp('channel-ended'))
  }
  pump().catch(failAll)
  return {
    send: async (outgoing) => channel.send(encodeMessage(punchMessageSchema, outgoing)),
    next: <K extends Kind>(kind: K) => slot(kind).promise as Promise<Extract<PunchMessage, { kind: K }>>,
  }
}
