/**
 * All agreements of this provider, in memory and on disk alike: read once, so that a promise for one of them costs a
 * look-up and no more.
 *
 * @module
 */

import type { Bytes32 } from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { type AgreementRecord, agreementTable } from './agreement-record.ts'
import type { Clock } from './clock.ts'

export interface AgreementBook {
  get(id: Bytes32): AgreementRecord | undefined
  /** Durable when it returns. */
  put(id: Bytes32, record: AgreementRecord): void
  remove(id: Bytes32): void
}

/** Ended sessions with an open invoice; ten times the sessions at once, 5 MB. The oldest goes first: by number, since a clock may jump. */
const maxAgreements = 10_000

export function openAgreementBook(
  { store, clock }: { readonly store: RecordStore; readonly clock: Clock },
  /** A session that runs keeps its row. */
  runs: (id: Bytes32) => boolean,
): AgreementBook {
  // Rows of before there was a time count as new. A disk returns them by key; here the oldest is first.
  const savedAtOf = ({ savedAtMs }: AgreementRecord) => Number(savedAtMs ?? clock.nowMs())
  const loaded = [...agreementTable.load(store)]
  const rows = new Map(loaded.toSorted(([, one], [, other]) => savedAtOf(one) - savedAtOf(other)))

  function* surplus(): Iterable<string> {
    let count = rows.size
    for (const id of rows.keys()) {
      if (count <= maxAgreements) return
      if (runs(id as Bytes32)) continue
      count -= 1
      yield id
    }
  }

  return {
    get: (id) => rows.get(id),
    put(id, record) {
      const row = { ...record, savedAtMs: BigInt(clock.nowMs()) }
      rows.delete(id)
      rows.set(id, row)
      const old = [...surplus()]
      store.commit([agreementTable.put(id, row), ...old.map((key) => agreementTable.remove(key))])
      for (const key of old) rows.delete(key)
    },
    remove(id) {
      if (!rows.delete(id)) return
      store.commit([agreementTable.remove(id)])
    },
  }
}
