/**
 * What the ledger remembers: its tables, their keys, and a view of them.
 *
 * @module
 */

import {
  type Address,
  accountantPromiseMessage,
  address,
  type Bytes32,
  bytes,
  bytes32,
  count,
  field,
  list,
  maxBatchBytes,
  message,
  optional,
  type PayoutOrder,
  payoutOrderSchema,
  signedContent,
  uint,
  type ValueOfSchema,
} from '@myst/protocol'
import { type BountyAccount, type BountyGrant, bountyAccountSchema, bountyGrantSchema } from './bounty-records.ts'
import { type ChannelAccount, channelAccountSchema } from './channel-account.ts'
import { type FastExitRecord, fastExitRecordSchema } from './fast-exit.ts'
import { type Floor, floorSchema, type LedgerClock, ledgerClockSchema, observedMs } from './floor-records.ts'
import { type Loss, lossSchema, type Recovery, recoverySchema } from './recovery-records.ts'

const agreementSchema = message({
  total: field(0, uint(256)),
  /** The highest of its promises: once the channel's floor is there, nothing of it can be credited. */
  amount: field(1, uint(256)),
})
export type AgreementAccount = ValueOfSchema<typeof agreementSchema>

export const providerAccountSchema = message({
  /** Our newest promise to it. */
  promise: field(0, accountantPromiseMessage),
  /** keccak256 of the newest answered batch, and the signed answer, byte for byte. */
  digest: field(1, bytes32),
  answer: field(2, signedContent(maxBatchBytes)),
  /** The newest lock while its preimage is unknown, with the channels it credited. There is never more than one (A8). */
  unrevealed: optional(3, message({ hashlock: field(0, bytes32), channels: field(1, list(address, 1024)) })),
})
export type ProviderAccount = ValueOfSchema<typeof providerAccountSchema>

export const lockSchema = message({
  provider: field(0, address),
  preimage: field(1, bytes(32, 32)),
  /** The ledger's own time of the reveal. */
  atMs: field(2, observedMs),
})
export type RevealedLock = ValueOfSchema<typeof lockSchema>

export const totalsSchema = message({
  batches: field(0, count(Number.MAX_SAFE_INTEGER)),
  promises: field(1, count(Number.MAX_SAFE_INTEGER)),
  credited: field(2, uint(256)),
  fees: field(3, uint(256)),
  /** Over all providers, beside what was credited; absent: none was ever granted. */
  bounties: optional(4, bountyAccountSchema),
})
export type LedgerTotals = ValueOfSchema<typeof totalsSchema>
export const noTotals: LedgerTotals = { batches: 0, promises: 0, credited: 0n, fees: 0n }

export const ledgerSchemas = {
  channels: channelAccountSchema,
  agreements: agreementSchema,
  providers: providerAccountSchema,
  locks: lockSchema,
  payouts: payoutOrderSchema,
  totals: totalsSchema,
  fastExits: fastExitRecordSchema,
  floors: floorSchema,
  clock: ledgerClockSchema,
  recovery: recoverySchema,
  losses: lossSchema,
  bounties: bountyAccountSchema,
  grants: bountyGrantSchema,
} as const

export interface LedgerRecords {
  channels: ChannelAccount
  agreements: AgreementAccount
  providers: ProviderAccount
  /** Revealed locks, by hashlock. */
  locks: RevealedLock
  /** How each provider that asked for it wants to be paid. */
  payouts: PayoutOrder
  /** One record, under `totalsKey`. */
  totals: LedgerTotals
  /** The last one of each channel. */
  fastExits: FastExitRecord
  /** By channel. */
  floors: Floor
  /** One record, under `clockKey`. */
  clock: LedgerClock
  /** The newest one, under `recoveryKey`; absent where there was none. */
  recovery: Recovery
  /** By provider. */
  losses: Loss
  /** By provider. */
  bounties: BountyAccount
  /** By plan and provider. */
  grants: BountyGrant
}
export const totalsKey = 'all'
export type TableName = keyof LedgerRecords

/** A record may hold a whole batch's answer. */
export const maxRecordBytes = 4 << 20

export interface LedgerView {
  get<T extends keyof LedgerRecords>(table: T, key: string): LedgerRecords[T] | undefined
}
export interface LedgerDraft extends LedgerView {
  put<T extends keyof LedgerRecords>(table: T, key: string, record: LedgerRecords[T]): void
  remove(table: TableName, key: string): void
}

export const agreementKeyOf = (channel: Address, provider: Address, id: Bytes32): string =>
  `${channel}/${provider}/${id}`
