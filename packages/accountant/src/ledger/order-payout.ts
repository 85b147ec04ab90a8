/**
 * A provider says how it wants to be paid. And what of its credit can be paid unasked.
 *
 * @module
 */

import {
  type Address,
  assert,
  batchAnswerContent,
  decodeMessage,
  encodeMessage,
  equalBytes,
  maxBatchBytes,
  type PayoutOrder,
  payoutOrderSchema,
} from '@myst/protocol'
import type { LedgerDraft, ProviderAccount } from './records.ts'

export function orderPayout(draft: LedgerDraft, provider: Address, order: PayoutOrder): boolean {
  if (draft.get('providers', provider) === undefined) return false
  const before = draft.get('payouts', provider)
  // A repeated order writes nothing.
  const same = before !== undefined && equalBytes(encoded(before), encoded(order))
  if (!same) draft.put('payouts', provider, order)
  return true
}

const encoded = (order: PayoutOrder) => encodeMessage(payoutOrderSchema, order)

/**
 * Without the newest batch while its preimage is unknown: what it credited cannot be collected from anybody yet. Who
 * settles it on chain shows the preimage.
 */
export function revealedOf({ promise, answer, unrevealed }: ProviderAccount): bigint {
  if (unrevealed === undefined) return promise.amount
  const decoded = decodeMessage(batchAnswerContent.schema, answer.content, maxBatchBytes)
  assert(decoded.ok, 'our own answer decodes')
  const { credited, bounty = 0n } = decoded.value
  return promise.amount - credited - bounty
}
