/**
 * The settlement that is under way at each accountant: on disk before it is handed to anybody, until the chain shows it at
 * the confirmation depth. After a crash the same bytes are handed out again, and have one effect.
 *
 * @module
 */

import {
  type Address,
  assert,
  field,
  message,
  text,
  transactorRequestSchema,
  uint,
  type ValueOfSchema,
} from '@myst/protocol'
import { type RecordStore, table } from '@myst/store'
import type { SettleRequest } from './settle-request.ts'

const openSchema = message({
  /** A `settle`. */
  request: field(0, transactorRequestSchema),
  /** Who was given it last. */
  transactor: field(1, text(256)),
  /** What it should pay, the fee included. */
  due: field(2, uint(256)),
  reason: field(3, text(32)),
  /** It can be in no block before. */
  fromBlock: field(4, uint(64)),
  startedMs: field(5, uint(53)),
})
export type OpenSettlement = ValueOfSchema<typeof openSchema>

export function settleRequestOf({ request }: OpenSettlement): SettleRequest {
  assert(request.kind === 'settle', 'a settlement is one')
  return request
}

const openTable = table('settlements-open', openSchema)
/** Since when something is unsettled, by the wall clock. */
const sinceTable = table('unsettled-since', message({ sinceMs: field(0, uint(53)) }))

export interface SettlementRecord {
  readonly open: OpenSettlement | undefined
  readonly sinceMs: number | undefined
  /** Durable when it returns; undefined: it is over. */
  keep(open: OpenSettlement | undefined): void
  note(sinceMs: number | undefined): void
}

export function loadSettlement(store: RecordStore, accountant: Address): SettlementRecord {
  let open = openTable.load(store).get(accountant)
  const since = sinceTable.load(store).get(accountant)?.sinceMs
  let sinceMs = since === undefined ? undefined : Number(since)
  return {
    get open() {
      return open
    },
    get sinceMs() {
      return sinceMs
    },
    keep(next) {
      if (next === undefined && open === undefined) return
      store.commit([next === undefined ? openTable.remove(accountant) : openTable.put(accountant, next)])
      open = next
    },
    note(next) {
      if (next === sinceMs) return
      store.commit([
        next === undefined ? sinceTable.remove(accountant) : sinceTable.put(accountant, { sinceMs: BigInt(next) }),
      ])
      sinceMs = next
    },
  }
}
