/**
 * Recovery: an accountant that was restored from an old backup takes its own answers back from its providers.
 *
 * What a provider offers proves itself: the batch by the provider's signature, the answer by the operator's, and the answer
 * names the batch's digest. Only that a promise is the newest one is the provider's word, so the request is signed too.
 *
 * @module
 */

import type { Address } from './bytes.ts'
import { accountantPromiseMessage, maxBatchBytes, maxBatchItems } from './exchange.ts'
import {
  address,
  bytes,
  bytes32,
  field,
  list,
  message,
  optional,
  text,
  uint,
  type ValueOfSchema,
  variants,
} from './message.ts'
import { signedContent } from './signed-content.ts'

/** A batch and its answer, and the frame around them. */
export const maxRecoverBytes = 2 * maxBatchBytes + 4096

/** Of the accountant's newest promise, as far as it knows: what that batch credited becomes collectable. */
const knownPreimage = optional(2, bytes(32, 32))

export const recoverRequestSchema = variants({
  /** The next answered batch after the accountant's newest; the two are byte for byte what was exchanged. */
  batch: message({ batch: field(0, signedContent(maxBatchBytes)), answer: field(1, signedContent(maxBatchBytes)) }),
  /** The same, with answers missing in between that the provider has no more. */
  'batch-after-hole': message({
    batch: field(0, signedContent(maxBatchBytes)),
    answer: field(1, signedContent(maxBatchBytes)),
    knownPreimage,
  }),
  /** The newest promise alone, where the answer is lost too; what it was for is unknown then. */
  newest: message({
    promise: field(0, accountantPromiseMessage),
    knownPreimage,
    /** What agreements were credited so far, so that none is credited twice; each can only lower what is credited next. */
    credited: field(
      1,
      list(message({ consumer: field(0, address), id: field(1, bytes32), total: field(2, uint(256)) }), maxBatchItems),
    ),
  }),
})
export type RecoverRequest = ValueOfSchema<typeof recoverRequestSchema>

/** Why an offer was not adopted, in the order of the checks. Nothing changed. */
export type RecoverRefusal =
  | { readonly code: 'recovery-malformed'; readonly why: string }
  | { readonly code: 'recovery-wrong-provider'; readonly provider: Address }
  /** The answer, or the promise, isn't ours. */
  | { readonly code: 'recovery-wrong-operator' }
  /** The batch isn't the provider's. */
  | { readonly code: 'recovery-wrong-signer'; readonly provider: Address }
  /** The answer is to other bytes, or its sums are not those of its verdicts. */
  | { readonly code: 'recovery-wrong-answer' }
  /** An older epoch with a higher amount, or a newer one with a lower. */
  | { readonly code: 'recovery-contradiction'; readonly amount: bigint; readonly known: bigint }
  /** It does not follow the newest promise that is known: offers in between are missing. */
  | { readonly code: 'recovery-hole'; readonly amount: bigint; readonly known: bigint }
  /** Nothing is shown that opens the lock of the newest promise that is known. */
  | { readonly code: 'recovery-wrong-preimage' }
  | { readonly code: 'recovery-wrong-promise'; readonly item: number }
  | { readonly code: 'recovery-wrong-lock'; readonly item: number }
  | { readonly code: 'recovery-wrong-delta'; readonly item: number }
  /** Other providers' offers come first: worth another try. */
  | { readonly code: 'recovery-breaks-prefix'; readonly item: number }
  | { readonly code: 'accountant-unavailable' }

const newestEpoch = optional(0, uint(64))
export const recoverReplySchema = variants({
  adopted: message({ newestEpoch }),
  /** Nothing new. */
  known: message({ newestEpoch }),
  refused: message({ newestEpoch, code: field(1, text(48)) }),
})
export type RecoverReply = ValueOfSchema<typeof recoverReplySchema>
