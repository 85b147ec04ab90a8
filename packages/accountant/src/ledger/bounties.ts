/**
 * Bounties: granted to a provider by the operator, and promised with the provider's next answered batch.
 *
 * @module
 */

import { type Address, type Batch, minOf } from '@myst/protocol'
import { type GrantBountyCommand, grantKeyOf, noBounties, pendingBounty } from './bounty-records.ts'
import { type LedgerDraft, noTotals, totalsKey } from './records.ts'

/** `stranger`: nothing was ever promised under this name, and nobody would come for it. */
export type GrantResult = 'granted' | 'known' | 'stranger'

export function grantBounty(draft: LedgerDraft, { plan, provider, amount }: GrantBountyCommand): GrantResult {
  const key = grantKeyOf(plan, provider)
  if (draft.get('grants', key) !== undefined) return 'known'
  if (draft.get('providers', provider) === undefined) return 'stranger'
  const account = draft.get('bounties', provider) ?? noBounties
  draft.put('grants', key, { amount })
  draft.put('bounties', provider, { ...account, granted: account.granted + amount })
  addToTotals(draft, { granted: amount, credited: 0n })
  return 'granted'
}

/** @returns what the answer to this batch gives on top. */
export function takeBounty(draft: LedgerDraft, { provider, takesBounty }: Batch): bigint {
  const pending = pendingBounty(draft.get('bounties', provider))
  if (pending === 0n || takesBounty !== true) return 0n
  creditBounty(draft, provider, pending)
  return pending
}

/** It is in a promise, whether its grant is known or not. */
export function creditBounty(draft: LedgerDraft, provider: Address, amount: bigint): void {
  if (amount === 0n) return
  const account = draft.get('bounties', provider) ?? noBounties
  draft.put('bounties', provider, { ...account, credited: account.credited + amount })
  addToTotals(draft, { granted: 0n, credited: amount })
}

/**
 * Answers are missing, and a pending bounty may have been in one of them: it is not given a second time.
 *
 * @returns how much of the gap is taken for it.
 */
export function creditInGap(draft: LedgerDraft, provider: Address, gap: bigint): bigint {
  const taken = minOf(gap, pendingBounty(draft.get('bounties', provider)))
  creditBounty(draft, provider, taken)
  return taken
}

function addToTotals(draft: LedgerDraft, { granted, credited }: typeof noBounties): void {
  const totals = draft.get('totals', totalsKey) ?? noTotals
  const { bounties = noBounties } = totals
  const sums = { granted: bounties.granted + granted, credited: bounties.credited + credited }
  draft.put('totals', totalsKey, { ...totals, bounties: sums })
}
