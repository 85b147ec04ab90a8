/**
 * The newest answer of a provider, signed anew with the key that signs now: after a rotation what earlier keys promised is paid
 * from its guarantee only.
 *
 * What is promised stays the same: provider, amount, lock, epoch, and every verdict. A batch that is repeated then gets the
 * answer in its new signatures.
 *
 * @module
 */

import {
  address,
  assert,
  batchAnswerSchema,
  decodeMessage,
  field,
  maxBatchBytes,
  message,
  type SignedContent,
  uint,
  type ValueOfSchema,
} from '@myst/protocol'
import type { Decision } from './answer.ts'
import type { LedgerView } from './records.ts'

export const resignSchema = message({
  provider: field(0, address),
  /** Of the promise that was found in another key's signature; a newer one needs none. */
  epoch: field(1, uint(64)),
})
export type ResignResult = { readonly kind: 'answered'; readonly answer: SignedContent } | { readonly kind: 'newer' }

export function resignAnswer(
  view: LedgerView,
  { provider, epoch }: ValueOfSchema<typeof resignSchema>,
): { readonly result: ResignResult } | { readonly decision: Decision } {
  const account = view.get('providers', provider)
  if (account === undefined || account.promise.epoch !== epoch) return { result: { kind: 'newer' } }
  const stored = decodeMessage(batchAnswerSchema, account.answer.content, maxBatchBytes)
  assert(stored.ok, 'the ledger holds answers')
  const { signature: _, ...promise } = account.promise
  const { promise: __, ...answer } = stored.value
  const { unrevealed } = account
  return { decision: { promise, answer, ...(unrevealed === undefined ? {} : { unrevealed }) } }
}
