/**
 * A ledger as its store holds it: the records, and what the log has beyond their checkpoint applied to them.
 *
 * @module
 */

import type { Crypto } from '@myst/protocol'
import type { LedgerRows } from '@myst/store'
import { type LedgerLog, loadLog } from './log.ts'
import { replay } from './replay.ts'
import { type LedgerState, loadState } from './state.ts'

export interface LoadedLedger {
  readonly state: LedgerState
  readonly log: LedgerLog
}

/** Both as a store gives them. */
export const rowsOf = (store: { records(): LedgerRows['records']; log(): LedgerRows['log'] }): LedgerRows => ({
  records: store.records(),
  log: store.log(),
})

/**
 * @param onReplayed is told of each entry that was applied.
 * @throws Fault `ledger-damaged` where records and log are not what was written, or not of each other.
 */
export async function loadLedger(
  { records, log: rows }: LedgerRows,
  crypto: Crypto,
  maxLogBytes: number,
  onReplayed: (bytes: number) => void = () => {},
): Promise<LoadedLedger> {
  const { state, checkpoint } = await loadState(records)
  const log = await loadLog(rows, maxLogBytes, checkpoint, (entry, body) => {
    replay(state, crypto, entry, body)
    onReplayed(entry.body.length)
  })
  return { state, log }
}
