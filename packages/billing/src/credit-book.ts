/**
 * The buckets of first credit on disk: a provider that starts anew does not grant the day's credit a second time.
 *
 * @module
 */

import { type FirstCreditLimits, type FirstCreditState, grantFirstCredit, returnFirstCredit } from '@myst/payments'
import { field, list, message, text, uint } from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import type { Clock } from './clock.ts'

export interface CreditBook {
  /** Durable when it returns. @returns false where a bucket is empty. */
  grant(prefix: string, amount: bigint): boolean
  /** It paid. */
  giveBack(prefix: string): void
}

/** A day's; some 40 bytes each. With more, newcomers pay before the first packet. */
const maxGrants = 4096

const grantsTable = table(
  'first-credit',
  message({
    grants: field(
      0,
      list(message({ prefix: field(0, text(64)), atMs: field(1, uint(53)), amount: field(2, uint(256)) }), maxGrants),
    ),
  }),
)
const grantsKey = 'all'

export function openCreditBook(
  { store, clock }: { readonly store: RecordStore; readonly clock: Clock },
  limits: FirstCreditLimits,
): CreditBook {
  const saved = grantsTable.load(store).get(grantsKey)?.grants ?? []
  let state: FirstCreditState = { grants: saved.map((grant) => ({ ...grant, atMs: Number(grant.atMs) })) }

  function change(next: FirstCreditState): void {
    if (next === state) return
    state = next
    const grants = state.grants.map((grant) => ({ ...grant, atMs: BigInt(grant.atMs) }))
    store.commit([grantsTable.put(grantsKey, { grants })])
  }

  return {
    grant(prefix, amount) {
      const granted = grantFirstCredit(state, { prefix, amount, nowMs: clock.nowMs() }, limits)
      if (granted === undefined || granted.grants.length > maxGrants) return false
      change(granted)
      return true
    },
    giveBack: (prefix) => change(returnFirstCredit(state, prefix)),
  }
}
