/**
 * All agreements of this provider, in memory and on disk alike: read once, so that a promise for one of them costs a
 * look-up and no more.
 *
 * @module
 */

import type { Address, Bytes32 } from '@myst/protocol'
import type { RecordStore } from '@myst/store'
import { type AgreementRecord, agreementTable } from './agreement-record.ts'
import type { Clock } from './clock.ts'

export interface AgreementBook {
  get(id: Bytes32): AgreementRecord | undefined
  /** Durable when it returns. */
  put(id: Bytes32, record: AgreementRecord): void
  remove(id: Bytes32): void
}

/**
 * Ended sessions with an open invoice; ten times the sessions at once, 5 MB. The oldest goes first: by number, since a clock may
 * jump. But strangers go before all who ever paid: a crowd of them would push out what a customer still means to pay.
 */
const maxAgreements = 10_000

export function openAgreementBook(
  { store, clock }: { readonly store: RecordStore; readonly clock: Clock },
  {
    runs,
    isKnown,
    onRemoved,
  }: {
    /** A session that runs keeps its row. */
    readonly runs: (id: Bytes32) => boolean
    /** This consumer has paid, once at least. */
    readonly isKnown: (consumer: Address) => boolean
    /** No promise for it is taken any more. */
    readonly onRemoved: (id: Bytes32, record: AgreementRecord) => void
  },
): AgreementBook {
  // Rows of before there was a time count as new. A disk returns them by key; here the oldest is first.
  const savedAtOf = ({ savedAtMs }: AgreementRecord) => Number(savedAtMs ?? clock.nowMs())
  const loaded = [...agreementTable.load(store)]
  const rows = new Map(loaded.toSorted(([, one], [, other]) => savedAtOf(one) - savedAtOf(other)))

  function surplus(): readonly string[] {
    if (rows.size <= maxAgreements) return []
    const ended = [...rows].filter(([id]) => !runs(id as Bytes32))
    const known = ended.filter(([, { consumer }]) => isKnown(consumer))
    const strangers = ended.filter(([, { consumer }]) => !isKnown(consumer))
    return [...strangers, ...known].slice(0, rows.size - maxAgreements).map(([id]) => id)
  }

  /** Whoever hears of it may fail: by then these rows are as the disk has them. */
  function forget(ids: readonly Bytes32[]): void {
    const gone = ids.map((id) => [id, rows.get(id)] as const)
    for (const id of ids) rows.delete(id)
    for (const [id, record] of gone) if (record !== undefined) onRemoved(id, record)
  }

  return {
    get: (id) => rows.get(id),
    put(id, record) {
      const row = { ...record, savedAtMs: BigInt(clock.nowMs()) }
      rows.delete(id)
      rows.set(id, row)
      const old = surplus()
      store.commit([agreementTable.put(id, row), ...old.map((key) => agreementTable.remove(key))])
      forget(old as readonly Bytes32[])
    },
    remove(id) {
      if (!rows.has(id)) return
      store.commit([agreementTable.remove(id)])
      forget([id])
    },
  }
}
