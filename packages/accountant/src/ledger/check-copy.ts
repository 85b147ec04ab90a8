/**
 * Whether a copy of a ledger is whole, and what it is a copy of: every record and every entry, as a start would look at them.
 *
 * @module
 */

import { equalBytes } from '@myst/protocol'
import type { LedgerRows } from '@myst/store'
import type { Checkpoint, LogHead } from './checkpoint.ts'
import { loadLog } from './log.ts'
import { loadState } from './state.ts'

export interface LedgerStand {
  /** Of the records. */
  readonly checkpoint: Checkpoint
  readonly head: LogHead
}

/** @throws Fault `ledger-damaged`. */
export async function readStand({ records, log }: LedgerRows): Promise<LedgerStand> {
  const { checkpoint } = await loadState(records)
  return { checkpoint, head: (await loadLog(log, 0, checkpoint)).head }
}

/** @returns the number of its newest entry. @throws Fault `ledger-damaged`. */
export const checkCopy = async (copy: LedgerRows): Promise<number> => (await readStand(copy)).head.sequence

export const isSameStand = (one: LedgerStand, other: LedgerStand): boolean =>
  one.checkpoint.digest === other.checkpoint.digest &&
  isSame(one.checkpoint, other.checkpoint) &&
  isSame(one.head, other.head)

const isSame = (one: LogHead, other: LogHead): boolean =>
  one.sequence === other.sequence && equalBytes(one.hash, other.hash)
