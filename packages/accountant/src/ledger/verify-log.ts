/**
 * Replays the log: the same commands give the same state, byte for byte.
 *
 * From empty while the log is whole; after its oldest entries were dropped, from a backup that stands in the part that is
 * kept. Where a checkpoint was taken, the replay must come to the digest of its records.
 *
 * @module
 */

import { type Crypto, equalBytes, Fault } from '@myst/protocol'
import type { LedgerStore } from '@myst/store'
import { bytesToDigest } from './checksum.ts'
import { loadLedger, rowsOf } from './load-ledger.ts'
import { readLog } from './log.ts'
import { replay } from './replay.ts'
import { type LedgerState, loadState } from './state.ts'

export interface VerifiedLog {
  readonly entries: number
  readonly commands: number
  /** What the replay came to. */
  readonly state: LedgerState
}

/**
 * @param backup where the replay starts; absent: from empty.
 * @throws Fault `ledger-damaged` at the first entry that does not follow, or the first checkpoint that it does not lead to;
 * `log-too-short` where entries between the start and the kept ones were dropped.
 */
export async function verifyLog(store: LedgerStore, crypto: Crypto, backup?: LedgerStore): Promise<VerifiedLog> {
  const start = await loadLedger(backup === undefined ? { records: [], log: [] } : rowsOf(backup), crypto, 0)
  const { state } = start
  let { head } = start.log
  let entries = 0
  let commands = 0
  /** Of each entry since the newest checkpoint that was named. */
  const digests = new Map<number, bigint>()

  function check(sequence: number, digest: bigint): void {
    const found = digests.get(sequence)
    if (found === undefined || found === digest) return
    throw new Fault('ledger-damaged', { sequence, why: 'its commands lead to other records' })
  }

  for await (const { entry, body } of readLog(store.log())) {
    if (entry.sequence <= head.sequence) continue
    if (entry.sequence !== head.sequence + 1) {
      throw new Fault('log-too-short', { wanted: head.sequence + 1, oldest: entry.sequence })
    }
    if (!equalBytes(body.previous, head.hash)) {
      throw new Fault('ledger-damaged', { sequence: entry.sequence, why: 'it does not follow the backup' })
    }
    if (body.checkpoint !== undefined) {
      check(body.checkpoint.sequence, bytesToDigest(body.checkpoint.digest))
      for (const sequence of digests.keys()) if (sequence < body.checkpoint.sequence) digests.delete(sequence)
    }
    replay(state, crypto, entry, body)
    for (const _ of state.seal(state.take()));
    digests.set(entry.sequence, state.digest)
    head = entry
    entries += 1
    commands += body.steps.length
  }
  const { checkpoint } = await loadState(store.records())
  check(checkpoint.sequence, checkpoint.digest)
  return { entries, commands, state }
}
