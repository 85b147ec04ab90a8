/**
 * Recovery: the ledger's records are older than what was answered.
 *
 * While it lasts, no channel is drawn on: what it promised in the time that was lost is not known yet. A provider goes on
 * once its batches follow what is known of it: by its own batch, which names the amount and opens the lock of its newest
 * promise, or after its answered batches of that time were adopted.
 *
 * @module
 */

import type { LedgerDraft, LedgerView } from './records.ts'
import type { BeginRecoveryCommand, EndRecoveryCommand } from './recovery-commands.ts'
import { noLoss, recoveryKey } from './recovery-records.ts'

/**
 * What else turns up within so long belongs to the same loss: providers offer theirs within the hour. Without this, who
 * kept an answer back could stop every channel again each day.
 */
const oneLossMs = 7 * 86_400_000

export const isRecovering = (view: LedgerView): boolean => view.get('recovery', recoveryKey)?.ended === false

/** @returns true where a recovery begins, or begins anew. */
export function beginRecovery(draft: LedgerDraft, { atMs, reason, shown }: BeginRecoveryCommand): boolean {
  if (shown !== undefined) {
    const { provider, amount } = shown
    if (amount <= highestShown(draft, provider)) return false
    draft.put('losses', provider, { ...(draft.get('losses', provider) ?? noLoss), shown: amount })
  }
  const before = draft.get('recovery', recoveryKey)
  const isCertain = reason === 'backup' || reason === 'operator'
  if (!isCertain && before !== undefined && atMs < before.startedAtMs + BigInt(oneLossMs)) return false
  draft.put('recovery', recoveryKey, { startedAtMs: atMs, reason, ended: false })
  return true
}

/** @returns false where it is not over yet, or there is none. */
export function endRecovery(draft: LedgerDraft, { atMs, recoveryMs }: EndRecoveryCommand): boolean {
  const recovery = draft.get('recovery', recoveryKey)
  if (recovery === undefined || recovery.ended || atMs < recovery.startedAtMs + BigInt(recoveryMs)) return false
  draft.put('recovery', recoveryKey, { ...recovery, ended: true })
  return true
}

/** The highest promise to this provider that we know of, by our records or by the chain. */
export function highestShown(view: LedgerView, provider: string): bigint {
  const promised = view.get('providers', provider)?.promise.amount ?? 0n
  const shown = view.get('losses', provider)?.shown ?? 0n
  return promised > shown ? promised : shown
}
