/**
 * Fast exit: a consumer asks the accountant to co-sign that money leaves its channel at once.
 *
 * The body of the request is the `FastExit` itself; who it is for says the request's signature. The consumer signs the same
 * struct, and anybody, or its transactor, sends both signatures to the channel.
 *
 * @module
 */

import { address, field, message, optional, signature, text, uint, type ValueOfSchema, variants } from './message.ts'

/** The struct `FastExit`. */
export const fastExitSchema = message({
  amount: field(0, uint(256)),
  beneficiary: field(1, address),
  transactor: field(2, address),
  fee: field(3, uint(256)),
  nonce: field(4, uint(256)),
  /** Block timestamp, seconds; the last one in which it can be executed. */
  deadline: field(5, uint(64)),
})
export type FastExitTerms = ValueOfSchema<typeof fastExitSchema>

/** Why a fast exit is not co-signed, in the order of the checks. */
export const fastExitRefusals = [
  'fast-exit-shape',
  'fast-exit-recovering',
  'fast-exit-open',
  'fast-exit-channel-closing',
  'fast-exit-deadline',
  'fast-exit-over-capacity',
  'accountant-unavailable',
] as const
export type FastExitRefusalCode = (typeof fastExitRefusals)[number]

export const fastExitReplySchema = variants({
  /** The operator's, over the struct in the channel's domain; to the same request, byte for byte the same. */
  signed: message({ signature: field(0, signature) }),
  refused: message({
    code: field(0, text(48)),
    /** With `fast-exit-over-capacity`: so much may leave now. */
    available: optional(1, uint(256)),
    /** With `fast-exit-deadline`: the latest that is co-signed now. */
    latestDeadline: optional(2, uint(64)),
    why: optional(3, text(200)),
  }),
})
export type FastExitReply = ValueOfSchema<typeof fastExitReplySchema>

/** A co-signed fast exit that can still be executed. */
export const openFastExitMessage = message({ exit: field(0, fastExitSchema), signature: field(1, signature) })
