/**
 * Exchange: a provider's batch of promises, and the accountant's answer with one promise of its own.
 *
 * A batch is keyed by (provider, epoch, digest of its bytes): the same bytes get the same answer for ever, other bytes for
 * an answered epoch get the stored answer and are never merged.
 *
 * @module
 */

import type { Address } from './bytes.ts'
import { maxProofPromises } from './contradiction.ts'
import {
  address,
  bytes,
  bytes32,
  count,
  field,
  flag,
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

/** Newest promises of 1,024 agreements, 250 bytes each, fit a request; a provider with more sends the rest next. */
export const maxBatchItems = 1024
/** A full batch has 250 KB; its answer has as much in proofs, and a verdict on each item. */
export const maxBatchBytes = 512 * 1024

export const batchSchema = message({
  provider: field(0, address),
  epoch: field(1, uint(64)),
  hashlock: field(2, bytes32),
  /** All that the accountant has promised this provider before, as the provider knows it. */
  previousAmount: field(3, uint(256)),
  /** Of the last answered batch; shown only after its answer was verified and is durable. */
  lastPreimage: optional(4, bytes(32, 32)),
  items: field(5, list(signedPromiseSchema, maxBatchItems)),
  /** Its provider can check an answer with a bounty in it; one that doesn't say so would refuse that answer for ever. */
  takesBounty: optional(6, flag),
})
export type Batch = ValueOfSchema<typeof batchSchema>
/** Signed by the provider, in the accountant contract's domain. */
export const batchContent = contentType('Batch', batchSchema, maxBatchBytes)

/** The accountant's newest promise to a provider; the signature is over the struct `AccountantPromise`. */
export const accountantPromiseMessage = message({
  provider: field(0, address),
  amount: field(1, uint(256)),
  hashlock: field(2, bytes32),
  epoch: field(3, uint(64)),
  signature: field(4, bytes(65, 65)),
})
export type SignedAccountantPromise = ValueOfSchema<typeof accountantPromiseMessage>

/**
 * Why one item was refused, in the order of the checks. `final` means that no later batch can change it; the others
 * stay queued at the provider.
 */
export const itemRefusals = {
  'promise-shape': { final: true },
  'promise-wrong-provider': { final: true },
  /** The accountant lost its newest records, and does not know yet what else this channel has promised. */
  'promise-recovering': { final: false },
  'promise-wrong-lock': { final: true },
  'promise-channel-closing': { final: true },
  'promise-too-old': { final: true },
  'promise-total-not-increasing': { final: true },
  'promise-over-capacity': { final: false },
  /** Providers withhold the preimages of too much else that this channel has promised. */
  'promise-too-many-unrevealed': { final: false },
  /** Breaks the prefix condition, and the answer has no room to prove it. */
  'promise-proof-later': { final: false },
  'promise-amount-behind': { final: true },
  'promise-breaks-prefix': { final: true },
  'promise-wrong-signer': { final: true },
} as const
export type ItemRefusalCode = keyof typeof itemRefusals

export const itemVerdictSchema = message({
  /** Absent: accepted. */
  code: optional(0, text(48)),
  /** What the item added; 0 where it was refused. */
  delta: field(1, uint(256)),
  /** Set with a refusal that no later batch can change. */
  final: optional(2, flag),
  /** Other promises of the consumer, which `provesRefusal`: that it can't be credited is the consumer's doing, not ours. */
  proof: optional(3, list(signedPromiseSchema, maxProofPromises)),
})
export type ItemVerdict = ValueOfSchema<typeof itemVerdictSchema>

export const batchAnswerSchema = message({
  provider: field(0, address),
  epoch: field(1, uint(64)),
  /** keccak256 of the batch's bytes. */
  digest: field(2, bytes32),
  /** Basis points of the batch's sum that the accountant kept. */
  feeRate: field(3, count(10_000)),
  credited: field(4, uint(256)),
  fee: field(5, uint(256)),
  promise: field(6, accountantPromiseMessage),
  verdicts: field(7, list(itemVerdictSchema, maxBatchItems)),
  /** Promised on top of what was credited, without a fee: a gift of the accountant's. Absent: none. */
  bounty: optional(8, uint(256)),
})
export type BatchAnswer = ValueOfSchema<typeof batchAnswerSchema>
/** Signed by the operator, in the accountant contract's domain. */
export const batchAnswerContent = contentType('BatchAnswer', batchAnswerSchema, maxBatchBytes)

/** Why a whole batch was refused: nothing changed, the epoch stays open. In the order of the checks. */
export type BatchRefusal =
  | { readonly code: 'batch-malformed'; readonly why: string }
  | { readonly code: 'batch-wrong-signer'; readonly provider: Address }
  | { readonly code: 'batch-zero-lock' }
  | { readonly code: 'batch-epoch-behind'; readonly newestEpoch: bigint }
  /** The accountant lost its newest records, this provider's among them: it shows which is the newest that it has. */
  | { readonly code: 'accountant-recovering'; readonly amount: bigint }
  | { readonly code: 'batch-previous-amount'; readonly amount: bigint }
  | { readonly code: 'batch-wrong-preimage' }
  | { readonly code: 'accountant-unavailable' }

export const exchangeReplySchema = variants({
  /** To the same bytes, byte for byte the same. */
  answered: message({ answer: field(0, signedContent(maxBatchBytes)) }),
  /** The epoch was answered for other bytes; here is that answer. */
  'already-answered': message({ answer: field(0, signedContent(maxBatchBytes)) }),
  refused: message({
    code: field(0, text(48)),
    why: optional(1, text(200)),
    /** With a batch that doesn't continue it: what the provider should adopt, if it verifies. */
    newest: optional(2, accountantPromiseMessage),
  }),
})
export type ExchangeReply = ValueOfSchema<typeof exchangeReplySchema>

/** credited = S − floor(S · feeRate / 10,000), once per batch. */
export function feeOf(sum: bigint, feeRate: number): bigint {
  return (sum * BigInt(feeRate)) / 10_000n
}
