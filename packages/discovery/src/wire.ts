/**
 * Messages between full nodes, and between a light participant and a full node.
 *
 * @module
 */

import {
  decodeMessage,
  encodeMessage,
  Fault,
  field,
  flag,
  list,
  message,
  optional,
  type Schema,
  signedProposalSchema,
  text,
  uint,
  variants,
} from '@myst/protocol'

/** Proposals and withdrawals pushed; the answer has one code each, `accepted` or why not. */
export const proposalsProtocol = '/myst/proposals/1.0'
/** Live proposals by country and service, page by page. */
export const proposalListProtocol = '/myst/proposal-list/1.0'
/** Neighbours compare what they hold and fetch what they lack. */
export const syncProtocol = '/myst/sync/1.0'

/** A message is 64 KiB at most; 30 of the largest proposals (2,048 + 81 bytes) with framing stay below it. */
export const maxProposalsPerMessage = 30
/** Of 64 KiB, less what the message itself takes: what pages of smaller proposals may fill. */
export const pageBytes = 62 * 1024
/** A proposal of average size takes 400 bytes; a page has at most this many of the smallest. */
const maxProposalsPerPage = 400
/** `0x`, 40 digits, `/`, 32 letters of up to 3 bytes; with `seq` and framing 154 bytes at most. */
const keyText = text(2 + 40 + 1 + 32)
/** 400 times 154 bytes stay below the 64 KiB of a message. */
export const maxDigestsPerMessage = 400

const proposals = (max: number) => list(signedProposalSchema, max)

export const pushSchema = message({ proposals: field(0, proposals(maxProposalsPerMessage)) })
export const pushAnswerSchema = message({ codes: field(0, list(text(64), maxProposalsPerMessage)) })

export const listRequestSchema = message({
  country: optional(0, text(2)),
  serviceType: optional(1, text(32)),
  after: optional(2, keyText),
})
/** Also the answer to `records`. */
export const proposalPageSchema = message({
  proposals: field(0, proposals(maxProposalsPerPage)),
  next: optional(1, keyText),
})

export const syncRequestSchema = variants({
  /** "Push to me, too": the answer says whether there is room. */
  join: message({}),
  digests: message({ after: optional(0, keyText) }),
  records: message({ keys: field(0, list(keyText, maxProposalsPerMessage)) }),
})
export const joinAnswerSchema = message({ joined: field(0, flag) })
export const digestPageSchema = message({
  digests: field(0, list(message({ key: field(0, keyText), seq: field(1, uint(64)) }), maxDigestsPerMessage)),
  next: optional(1, keyText),
})

/** Where full nodes of a network meet in the table: the keccak256 of this. */
export const topicText = (networkId: string): string => `myst/full-nodes/${networkId}`

export const encode: <T>(schema: Schema<T>, value: T) => Uint8Array = encodeMessage

/** @throws Fault with the refusal's code: the link carries it back. */
export function decode<T>(schema: Schema<T>, bytes: Uint8Array): T {
  const decoded = decodeMessage(schema, bytes)
  if (!decoded.ok) throw new Fault(decoded.refusal.code)
  return decoded.value
}
