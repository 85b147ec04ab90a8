/**
 * Fast exits: money that a consumer may take from its channel at once, because we co-sign it.
 *
 * From the moment the signature is durable the channel can promise that much less, until the exit is over: executed, or past
 * its deadline, in a block at the confirmation depth. From then on the chain says what is left, and only a look that is not
 * older than that block counts. What leaves is never more than what lies above the highest amount credited, so whatever is
 * revealed later can still be collected (A1).
 *
 * There is one open exit of a channel at a time; of those before it only the block is kept.
 *
 * @module
 */

import {
  accept,
  address,
  type FastExitRefusalCode,
  fastExitSchema,
  field,
  flag,
  maxOf,
  message,
  refuse,
  signature,
  uint,
  type ValueOfSchema,
  type Verdict,
  zeroAddress,
} from '@myst/protocol'
import { highestAmount } from './channel-account.ts'
import type { LedgerDraft, LedgerView } from './records.ts'
import { isRecovering } from './recovery.ts'

const blockNumber = uint(64)
const timestampS = uint(64)

export const fastExitRecordSchema = message({
  exit: field(0, fastExitSchema),
  /** The operator's; it was made before the record, and left the process after it. */
  signature: field(1, signature),
  consumer: field(2, address),
  isOpen: field(3, flag),
  /** What the chain showed before this block may lack an exit that was executed. */
  sinceBlock: field(4, blockNumber),
})
export type FastExitRecord = ValueOfSchema<typeof fastExitRecordSchema>

export const openFastExitSchema = message({
  channel: field(0, address),
  consumer: field(1, address),
  exit: field(2, fastExitSchema),
  signature: field(3, signature),
  /** What the chain shows of the channel, and the block from which on it does. */
  capacity: field(4, uint(256)),
  settled: field(5, uint(256)),
  pendingExit: field(6, flag),
  block: field(7, blockNumber),
  /** Of the head. */
  headTimestampS: field(8, timestampS),
  /** From the head's timestamp to the latest deadline: less than any exit's delay, and at most an hour. */
  maxLifetimeS: field(9, timestampS),
})
type OpenFastExit = ValueOfSchema<typeof openFastExitSchema>

export const closeFastExitSchema = message({
  channel: field(0, address),
  nonce: field(1, uint(256)),
  /** What a block at the confirmation depth shows. */
  block: field(2, blockNumber),
  timestampS: field(3, timestampS),
  /** Executed, or its nonce cancelled. */
  isNonceUsed: field(4, flag),
})
type CloseFastExit = ValueOfSchema<typeof closeFastExitSchema>

export type FastExitRefusal =
  | { readonly code: Exclude<FastExitRefusalCode, 'fast-exit-deadline' | 'fast-exit-over-capacity'> }
  | { readonly code: 'fast-exit-deadline'; readonly latestDeadline: bigint }
  | { readonly code: 'fast-exit-over-capacity'; readonly available: bigint }
export type OpenFastExitResult = Verdict<FastExitRefusal, { readonly signature: Uint8Array }>
/** `pending`: not over, or not the one that is open. */
export type FastExitOutcome = 'pending' | 'executed' | 'expired'

/** What a look at the chain says of a channel's capacity, and the block it is of; absent: older than any that matters. */
export interface CapacitySeen {
  readonly channel: `0x${string}`
  readonly capacity: bigint
  readonly block?: bigint | undefined
}

/** What the channel can promise, less what leaves it. */
export function capacityLeft(view: LedgerView, { channel, capacity, block = 0n }: CapacitySeen): bigint {
  const record = view.get('fastExits', channel)
  if (record === undefined) return capacity
  if (block < record.sinceBlock) return 0n
  return record.isOpen ? maxOf(0n, capacity - record.exit.amount) : capacity
}

/** The stored signature, where this very exit was co-signed before. */
export function signedFastExit(
  view: LedgerView,
  { channel, exit }: Pick<OpenFastExit, 'channel' | 'exit'>,
): Uint8Array | undefined {
  const record = view.get('fastExits', channel)
  return record !== undefined && isSameExit(record.exit, exit) ? record.signature : undefined
}

/** In the order of the codes. Also before the exit is signed, for nothing then. */
export function checkFastExit(view: LedgerView, command: Omit<OpenFastExit, 'signature'>): Verdict<FastExitRefusal> {
  const { channel, exit, headTimestampS, maxLifetimeS } = command
  if (exit.amount === 0n || exit.fee > exit.amount || (exit.fee > 0n && exit.transactor === zeroAddress)) {
    return refuse({ code: 'fast-exit-shape' })
  }
  // What was credited since the backup is not known, and neither is what was co-signed.
  if (isRecovering(view)) return refuse({ code: 'fast-exit-recovering' })
  if (view.get('fastExits', channel)?.isOpen) return refuse({ code: 'fast-exit-open' })
  // An exit that matures before the deadline pays what is above the hold, and this one would take it a second time.
  if (command.pendingExit) return refuse({ code: 'fast-exit-channel-closing' })
  const latestDeadline = headTimestampS + maxLifetimeS
  if (exit.deadline < headTimestampS || exit.deadline > latestDeadline) {
    return refuse({ code: 'fast-exit-deadline', latestDeadline })
  }
  const account = view.get('channels', channel)
  const stays = maxOf(account === undefined ? 0n : highestAmount(account), command.settled)
  const available = maxOf(0n, capacityLeft(view, command) - stays)
  if (exit.amount > available) return refuse({ code: 'fast-exit-over-capacity', available })
  return accept(undefined)
}

export function openFastExit(draft: LedgerDraft, command: OpenFastExit): OpenFastExitResult {
  const { channel, consumer, exit, signature } = command
  const before = signedFastExit(draft, command)
  if (before !== undefined) return accept({ signature: before })
  const checked = checkFastExit(draft, command)
  if (!checked.ok) return checked
  const sinceBlock = draft.get('fastExits', channel)?.sinceBlock ?? 0n
  draft.put('fastExits', channel, { exit, signature, consumer, isOpen: true, sinceBlock })
  return accept({ signature })
}

export function closeFastExit(
  draft: LedgerDraft,
  { channel, nonce, block, timestampS, isNonceUsed }: CloseFastExit,
): FastExitOutcome {
  const record = draft.get('fastExits', channel)
  if (record?.isOpen !== true || record.exit.nonce !== nonce) return 'pending'
  if (!isNonceUsed && timestampS <= record.exit.deadline) return 'pending'
  draft.put('fastExits', channel, { ...record, isOpen: false, sinceBlock: maxOf(record.sinceBlock, block) })
  return isNonceUsed ? 'executed' : 'expired'
}

function isSameExit(a: FastExitRecord['exit'], b: FastExitRecord['exit']): boolean {
  return (Object.keys(a) as (keyof typeof a)[]).every((name) => a[name] === b[name])
}
