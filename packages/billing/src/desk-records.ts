/**
 * A desk on disk: the exchanger's state with one accountant, a row for each agreement in it.
 *
 * @module
 */

import { type ExchangerState, noRefusals, type UnprovedRefusals } from '@myst/payments'
import {
  type Address,
  accountantPromiseMessage,
  type Bytes32,
  batchSchema,
  count,
  field,
  flag,
  list,
  maxBatchItems,
  message,
  optional,
  type SignedAccountantPromise,
  signedPromiseSchema,
  text,
  uint,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'

/** Beside the exchanger's state. */
export interface DeskFigures {
  readonly batches: number
  readonly promises: number
  readonly refusals: UnprovedRefusals
}

/** Restarts while the accountant is away; each leaves an epoch to be closed. */
const maxRetired = 65_536

const metaTable = table(
  'exchange',
  message({
    epoch: field(0, uint(64)),
    newest: optional(1, accountantPromiseMessage),
    creditedSum: field(2, uint(256)),
    feeSum: field(3, uint(256)),
    inFlight: optional(4, message({ batch: field(0, batchSchema), keys: field(1, list(text(160), maxBatchItems)) })),
    batches: field(5, count(2 ** 53 - 1)),
    promises: field(6, count(2 ** 53 - 1)),
    retired: field(7, list(uint(64), maxRetired)),
    refused: optional(8, message({ sum: field(0, uint(256)), sinceMs: field(1, uint(53)) })),
    bountySum: optional(9, uint(256)),
  }),
)
const pendingTable = table(
  'exchange-pending',
  message({ signed: field(0, signedPromiseSchema), sinceMs: field(1, uint(53)), urgent: field(2, flag) }),
)
const creditedTable = table('exchange-credited', message({ total: field(0, uint(256)) }))

/** @returns its state absent where nothing is on disk. */
export function loadDesk(
  store: RecordStore,
  accountant: Address,
): DeskFigures & { readonly state: ExchangerState | undefined } {
  const saved = metaTable.load(store).get(accountant)
  if (saved === undefined) return { batches: 0, promises: 0, refusals: noRefusals, state: undefined }
  const { batches, promises, refused, newest, inFlight, bountySum = 0n, ...rest } = saved
  const prefix = `${accountant}/`
  const mine = <T, U>(records: ReadonlyMap<string, T>, read: (record: T) => U): Map<string, U> =>
    new Map(
      [...records].flatMap(([key, record]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), read(record)] as const] : [],
      ),
    )
  return {
    batches,
    promises,
    refusals: refused === undefined ? noRefusals : { ...refused, sinceMs: Number(refused.sinceMs) },
    state: {
      ...rest,
      bountySum,
      pending: mine(pendingTable.load(store), (pending) => ({ ...pending, sinceMs: Number(pending.sinceMs) })),
      credited: mine(creditedTable.load(store), ({ total }) => total),
      ...(newest === undefined ? {} : { newest }),
      ...(inFlight === undefined ? {} : { inFlight }),
    },
  }
}

/** What differs from `before`, to be committed together. */
export function deskWrites(
  accountant: Address,
  before: ExchangerState | undefined,
  after: ExchangerState,
  { batches, promises, refusals }: DeskFigures,
): RecordWrite[] {
  const { pending, credited, ...rest } = after
  const refused = { sum: refusals.sum, sinceMs: BigInt(refusals.sinceMs) }
  const nameOf = (key: string) => `${accountant}/${key}`
  return [
    metaTable.put(accountant, { ...rest, batches, promises, refused }),
    ...differences(
      before?.pending,
      pending,
      (key, one) => pendingTable.put(nameOf(key), { ...one, sinceMs: BigInt(one.sinceMs) }),
      (key) => pendingTable.remove(nameOf(key)),
    ),
    ...differences(
      before?.credited,
      credited,
      (key, total) => creditedTable.put(nameOf(key), { total }),
      (key) => creditedTable.remove(nameOf(key)),
    ),
  ]
}

function* differences<T>(
  before: ReadonlyMap<string, T> | undefined,
  after: ReadonlyMap<string, T>,
  put: (key: string, value: T) => RecordWrite,
  remove: (key: string) => RecordWrite,
): Iterable<RecordWrite> {
  if (before === after) return
  for (const [key, value] of after) if (before?.get(key) !== value) yield put(key, value)
  for (const key of before?.keys() ?? []) if (!after.has(key)) yield remove(key)
}

/** What accountants have promised so far, by the disk: of those too that the profile names no more. */
export const storedPromises = (store: RecordStore): ReadonlyMap<Address, SignedAccountantPromise> =>
  new Map(
    [...metaTable.load(store)].flatMap(([accountant, { newest }]) =>
      newest === undefined ? [] : [[accountant as Address, newest]],
    ),
  )

/** This node was a provider before, with one accountant at least. */
export const hasExchanged = (store: RecordStore): boolean => metaTable.load(store).size > 0

export const deskKey = (consumer: Address, agreementId: Bytes32): string => `${consumer}/${agreementId}`
