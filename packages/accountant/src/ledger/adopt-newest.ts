/**
 * A provider's newest promise alone: its answers are lost, and the promise binds us all the same. What it was for is
 * unknown, and counted.
 *
 * @module
 */

import type { Crypto } from '@myst/protocol'
import { zeroBytes32 } from '@myst/protocol'
import { type AdoptResult, compareNewest, opensNewest, refusedOffer } from './adopt-batch.ts'
import { creditInGap } from './bounties.ts'
import { agreementKeyOf, type LedgerDraft, noTotals, totalsKey } from './records.ts'
import type { AdoptNewestCommand } from './recovery-commands.ts'
import { noLoss } from './recovery-records.ts'
import { revealPreimage } from './reveal-preimage.ts'

/** Above every floor. */
const unknownAmount = 2n ** 256n - 1n
/** Of an answer that nobody has any more. */
const noAnswer = { digest: zeroBytes32, answer: { content: new Uint8Array(0), signature: new Uint8Array(65) } } as const

export function adoptNewest(draft: LedgerDraft, crypto: Crypto, command: AdoptNewestCommand): AdoptResult {
  const { promise, knownPreimage } = command
  const { provider } = promise
  const account = draft.get('providers', provider)
  const before = compareNewest(account, promise)
  if (before !== 'newer') {
    if (before.kind === 'known') raiseTotals(draft, command)
    return before
  }
  if (!opensNewest(crypto, account, knownPreimage)) return refusedOffer({ code: 'recovery-wrong-preimage' })
  if (knownPreimage !== undefined) revealPreimage(draft, crypto, provider, knownPreimage)
  const gap = promise.amount - (account?.promise.amount ?? 0n)
  const loss = draft.get('losses', provider) ?? noLoss
  const unknown = loss.unknown + gap
  draft.put('losses', provider, { ...loss, unknown })
  const bounties = creditInGap(draft, provider, gap)
  const totals = draft.get('totals', totalsKey) ?? noTotals
  draft.put('totals', totalsKey, { ...totals, credited: totals.credited + gap - bounties })
  draft.put('providers', provider, {
    promise,
    ...noAnswer,
    unrevealed: { hashlock: promise.hashlock, channels: [] },
  })
  raiseTotals(draft, command)
  return { kind: 'adopted', unknown }
}

/** The provider's own word against itself: what an agreement is credited next can only fall. */
function raiseTotals(draft: LedgerDraft, { promise, credited }: AdoptNewestCommand): void {
  if ((draft.get('losses', promise.provider)?.unknown ?? 0n) === 0n) return
  for (const { channel, id, total } of credited) {
    const key = agreementKeyOf(channel, promise.provider, id)
    const before = draft.get('agreements', key)
    // Its amount is not told; an agreement that was never forgotten is not forgotten for this.
    if (total > (before?.total ?? 0n)) draft.put('agreements', key, { total, amount: before?.amount ?? unknownAmount })
  }
}
