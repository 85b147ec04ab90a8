/**
 * Deciding and signing are apart: a step decides an answer, the ledger has a whole group of them signed, by any number of
 * threads, and then they become records. Signatures are deterministic (RFC 6979) and kept in the log, so that a replay
 * needs no key.
 *
 * @module
 */

import {
  type BatchAnswer,
  batchAnswerSchema,
  encodeMessage,
  type SignedAccountantPromise,
  type SignedContent,
} from '@myst/protocol'
import type { LedgerDraft, ProviderAccount } from './records.ts'

/** An answer before its signatures. */
export interface Decision {
  readonly promise: Omit<SignedAccountantPromise, 'signature'>
  readonly answer: Omit<BatchAnswer, 'promise'>
  /** The channels that its batch credited, until its preimage reveals them. */
  readonly unrevealed?: ProviderAccount['unrevealed']
}

export interface SignedDecision {
  /** Over the struct `AccountantPromise`, 65 bytes. */
  readonly promiseSignature: Uint8Array
  /** The answer around the signed promise. */
  readonly answer: SignedContent
}

/** The operator's key, wherever it is: one signed decision for each, in their order. */
export type SignDecisions = (
  decisions: readonly Decision[],
) => readonly SignedDecision[] | Promise<readonly SignedDecision[]>

/** The bytes of an answer, which its second signature is over. */
export const answerContentOf = ({ promise, answer }: Decision, promiseSignature: Uint8Array): Uint8Array =>
  encodeMessage(batchAnswerSchema, { ...answer, promise: { ...promise, signature: promiseSignature } })

/** From here on a repeated batch gets this answer, and nothing more is credited until its preimage was shown. */
export function recordAnswer(
  draft: LedgerDraft,
  { promise, answer, unrevealed }: Decision,
  { promiseSignature, answer: signed }: SignedDecision,
): void {
  draft.put('providers', promise.provider, {
    promise: { ...promise, signature: promiseSignature },
    digest: answer.digest,
    answer: signed,
    ...(unrevealed === undefined ? {} : { unrevealed }),
  })
}
