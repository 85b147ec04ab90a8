/**
 * Whether a copy of a ledger is whole: every record and every entry, as a start would look at them.
 *
 * @module
 */

import type { LedgerCopy } from '@myst/store'
import { loadLog } from './log.ts'
import { loadState } from './state.ts'

/** @returns the number of its newest entry. @throws Fault `ledger-damaged`. */
export async function checkCopy({ records, log }: LedgerCopy): Promise<number> {
  const { digest } = await loadState(records)
  return (await loadLog(log, 0, digest)).head.sequence
}
