/**
 * The allowance: what accountants may owe us above their guarantees, all together. Where settling keeps up it is never reached;
 * where it fails, nothing more is earned until it does.
 *
 * @module
 */

import type { Clock } from '@myst/billing'
import { maxOf } from '@myst/protocol'
import type { AccountEarnings } from './settler.ts'

type Owed = Pick<AccountEarnings, 'settled' | 'unsettled' | 'guaranteed'>

/** Of accountants whose books were read from the chain once: before that nobody knows what of it is settled. */
export const unguaranteed = (earnings: readonly Owed[]): bigint =>
  earnings.reduce((sum, one) => (one.settled === undefined ? sum : sum + maxOf(0n, one.unsettled - one.guaranteed)), 0n)

/** Sessions ask several times a second. */
const freshMs = 1_000

/** @returns whether more may be earned; it says so when that changes. */
export function watchAllowance(
  deps: {
    readonly earnings: () => readonly Owed[]
    readonly clock: Clock
    readonly log: (line: string) => void
  },
  allowance: bigint,
): () => boolean {
  let mayEarn = true
  let dueMs = 0
  return () => {
    const nowMs = deps.clock.elapsedMs()
    if (nowMs < dueMs) return mayEarn
    dueMs = nowMs + freshMs
    const owed = unguaranteed(deps.earnings())
    const may = owed <= allowance
    if (may !== mayEarn) {
      const why = `${owed} are owed without a guarantee, the allowance is ${allowance}`
      deps.log(may ? 'serves again: what was owed is settled' : `ALARM: serves nobody till it is settled: ${why}`)
    }
    mayEarn = may
    return may
  }
}
