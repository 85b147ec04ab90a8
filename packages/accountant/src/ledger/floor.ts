/**
 * Floor: what a channel had revealed a month ago. Nothing up to it is credited any more, so what was agreed below it, and the
 * locks of that time, may be forgotten, and the ledger grows with what goes on, not with what ever was.
 *
 * Time is what passed while the accountant ran, told in steps by `age`: no clock that is set can make an honest late promise
 * too old. One mark for each channel is enough: it becomes the floor when it is a month old, and the next mark is what is
 * revealed at the look after that. So the floor lies one to two months back, and only rises.
 *
 * Which channels, agreements and locks are looked at says the command, a few at a time; whether they are old says the step.
 *
 * @module
 */

import { address, bytes32, count, field, list, message, type ValueOfSchema } from '@myst/protocol'
import { clockKey, type Floor } from './floor-records.ts'
import { agreementKeyOf, type LedgerDraft, type LedgerView } from './records.ts'
import { isRecovering } from './recovery.ts'

/** A promise that is later than this is too late. */
export const keptMs = 30 * 86_400_000
/** Of each kind in one command: a few milliseconds of the ledger's time. */
export const maxAged = 256
/** However long a process says it was: it tells every ten minutes. */
export const maxAgeStepMs = 1_200_000

export const ageSchema = message({
  elapsedMs: field(0, count(maxAgeStepMs)),
  channels: field(1, list(address, maxAged)),
  agreements: field(
    2,
    list(message({ channel: field(0, address), provider: field(1, address), id: field(2, bytes32) }), maxAged),
  ),
  locks: field(3, list(bytes32, maxAged)),
})
type Age = ValueOfSchema<typeof ageSchema>
/** How many records were forgotten. */
export interface AgeResult {
  readonly agreements: number
  readonly locks: number
}

export const timeOf = (view: LedgerView): bigint => view.get('clock', clockKey)?.observedMs ?? 0n

/** Up to here everything is too old; undefined while nothing is. */
export const floorOf = (view: LedgerView, channel: string): bigint | undefined => view.get('floors', channel)?.floor

/** What the channel's floor is by now; undefined where it is what it was. */
export function raisedFloor(view: LedgerView, channel: string): Floor | undefined {
  const revealed = view.get('channels', channel)?.revealedAmount ?? 0n
  const { floor, mark } = view.get('floors', channel) ?? { floor: 0n }
  const now = timeOf(view)
  if (mark === undefined) return revealed > floor ? { floor, mark: { amount: revealed, atMs: now } } : undefined
  return now - mark.atMs < keptMs ? undefined : { floor: mark.amount }
}

export function isAgreementOld(view: LedgerView, channel: string, key: string): boolean {
  const agreement = view.get('agreements', key)
  const floor = floorOf(view, channel)
  return agreement !== undefined && floor !== undefined && agreement.amount <= floor
}

export function isLockOld(view: LedgerView, hashlock: string): boolean {
  const lock = view.get('locks', hashlock)
  return lock !== undefined && timeOf(view) - lock.atMs >= keptMs
}

export function age(draft: LedgerDraft, { elapsedMs, channels, agreements, locks }: Age): AgeResult {
  // What was restored may still be offered what it lost.
  if (isRecovering(draft)) return { agreements: 0, locks: 0 }
  if (elapsedMs > 0) draft.put('clock', clockKey, { observedMs: timeOf(draft) + BigInt(elapsedMs) })
  for (const channel of channels) {
    const raised = raisedFloor(draft, channel)
    if (raised !== undefined) draft.put('floors', channel, raised)
  }
  const oldAgreements = agreements
    .map(({ channel, provider, id }) => ({ channel, key: agreementKeyOf(channel, provider, id) }))
    .filter(({ channel, key }) => isAgreementOld(draft, channel, key))
  for (const { key } of oldAgreements) draft.remove('agreements', key)
  const oldLocks = locks.filter((hashlock) => isLockOld(draft, hashlock))
  for (const hashlock of oldLocks) draft.remove('locks', hashlock)
  return { agreements: oldAgreements.length, locks: oldLocks.length }
}
