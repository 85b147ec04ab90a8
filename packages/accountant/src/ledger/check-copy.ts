/**
 * Whether a copy of a ledger is whole, and what it is a copy of: every record and every entry, as a start would look at them.
 *
 * @module
 */

import { equalBytes } from '@myst/protocol'
import type { LedgerRows } from '@myst/store'
import { type LogHead, loadLog } from './log.ts'
import { loadState } from './state.ts'

export interface LedgerStand {
  /** Of all records. */
  readonly digest: bigint
  readonly head: LogHead
}

/** @throws Fault `ledger-damaged`. */
export async function readStand({ records, log }: LedgerRows): Promise<LedgerStand> {
  const { digest } = await loadState(records)
  return { digest, head: (await loadLog(log, 0, digest)).head }
}

/** @returns the number of its newest entry. @throws Fault `ledger-damaged`. */
export const checkCopy = async (copy: LedgerRows): Promise<number> => (await readStand(copy)).head.sequence

export const isSameStand = (one: LedgerStand, other: LedgerStand): boolean =>
  one.digest === other.digest && one.head.sequence === other.head.sequence && equalBytes(one.head.hash, other.head.hash)
