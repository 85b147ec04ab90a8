/**
 * Exchanger: trades the promises of all consumers of one accountant for one promise of the accountant.
 *
 * One batch is in flight at a time. It is durable before it is sent, repeated unchanged until it is answered, and its
 * preimage is shown only after the answer was verified and is durable: with the next batch, or on chain.
 *
 * @module
 */

import {
  type Address,
  accept,
  assert,
  type Batch,
  type BatchAnswer,
  type Bytes32,
  feeOf,
  firstEpoch,
  type ItemVerdict,
  maxOf,
  refuse,
  type SignedAccountantPromise,
  type SignedPromise,
  type Verdict,
} from '@myst/protocol'

export interface ExchangerState {
  /** The open epoch: its lock goes into new invoices. Never used twice, see `firstEpoch`. */
  readonly epoch: bigint
  /**
   * Epochs that were open when the process ended, or whose batch was refused, oldest first. Their locks are in invoices
   * that may still be paid, so each is closed by a batch of its own (an empty one, if need be) before the open one: its
   * preimage can be shown then.
   */
  readonly retired: readonly bigint[]
  /** Newest promise of each agreement that is not yet credited, by `agreementKey`, oldest first. */
  readonly pending: ReadonlyMap<string, PendingPromise>
  /** What each agreement was credited so far. */
  readonly credited: ReadonlyMap<string, bigint>
  /** Sent and not answered; its bytes never change. */
  readonly inFlight?: InFlightBatch
  /** The accountant's newest promise to us, verified. Its preimage may be shown. */
  readonly newest?: SignedAccountantPromise
  /** Sums over all answered batches. */
  readonly creditedSum: bigint
  readonly feeSum: bigint
  /** What the accountant gave on top. */
  readonly bountySum: bigint
}

export interface PendingPromise {
  readonly signed: SignedPromise
  readonly sinceMs: number
  /** Reason enough to exchange now. */
  readonly urgent: boolean
  /** Was refused for now: it goes along with the next batch, and is a reason for one only by its age. */
  readonly tried?: boolean
}

export interface InFlightBatch {
  readonly batch: Batch
  /** `agreementKey` of each item. */
  readonly keys: readonly string[]
}

export interface ExchangerPolicy {
  /** Uncredited over all consumers that makes a batch due. */
  readonly dueSum: bigint
  /** Age of the oldest pending promise that makes a batch due. */
  readonly maxAgeMs: number
  readonly maxItems: number
}

export type AnswerRefusal =
  | { readonly code: 'answer-wrong-batch'; readonly epoch: bigint }
  | { readonly code: 'answer-wrong-lock'; readonly hashlock: Bytes32 }
  | { readonly code: 'answer-verdict-count'; readonly verdicts: number }
  | { readonly code: 'answer-wrong-delta'; readonly item: number }
  | { readonly code: 'answer-fee-too-high'; readonly feeRate: number; readonly limit: number }
  | { readonly code: 'answer-wrong-amount'; readonly amount: bigint; readonly expected: bigint }

/** What a verified answer says of one agreement. */
export interface ItemOutcome {
  readonly key: string
  readonly signed: SignedPromise
  readonly verdict: ItemVerdict
  /** Accepted, and credited this much short of the step that we know of. */
  readonly short?: bigint
  /** Refused for good, and the caller has seen that it is the consumer's doing. */
  readonly proven?: boolean
}

export function createExchanger(epoch: bigint): ExchangerState {
  return { epoch, retired: [], pending: new Map(), credited: new Map(), creditedSum: 0n, feeSum: 0n, bountySum: 0n }
}

/**
 * Continues from disk, with a fresh epoch: if the disk was an old backup, the saved one may have been used already, and a
 * promise under a lock whose preimage the accountant knows would be a gift to it.
 */
export function restartExchanger(saved: ExchangerState, startedAtMs: number): ExchangerState {
  return { ...saved, retired: [...saved.retired, saved.epoch], epoch: firstEpoch(saved.epoch, 0n, startedAtMs) }
}

/** Takes a promise that the invoicer accepted; it replaces the agreement's older one. */
export function addPromise(
  state: ExchangerState,
  key: string,
  signed: SignedPromise,
  nowMs: number,
  urgent: boolean,
): ExchangerState {
  const { total } = signed.promise.agreement
  const older = state.pending.get(key)
  if (older !== undefined && older.signed.promise.agreement.total >= total) return state
  if ((state.credited.get(key) ?? 0n) >= total || inFlightTotal(state, key) >= total) return state
  const pending = new Map(state.pending)
  pending.set(key, {
    signed,
    sinceMs: older?.sinceMs ?? nowMs,
    urgent: urgent || (older?.urgent ?? false),
  })
  return { ...state, pending }
}

/** All that was promised to us here and is not yet credited, the batch in flight included. */
export function uncredited(state: ExchangerState): bigint {
  const newest = new Map<string, bigint>()
  for (const [index, key] of (state.inFlight?.keys ?? []).entries()) {
    newest.set(key, state.inFlight?.batch.items[index]?.promise.agreement.total ?? 0n)
  }
  for (const [key, { signed }] of state.pending) newest.set(key, signed.promise.agreement.total)
  let sum = 0n
  for (const [key, total] of newest) sum += total - (state.credited.get(key) ?? 0n)
  return sum
}

/** True while something waits that no batch has carried yet. */
export function hasUntried(state: ExchangerState): boolean {
  return [...state.pending.values()].some(({ tried }) => tried !== true)
}

/** True when a batch should go now. */
export function isBatchDue(state: ExchangerState, nowMs: number, policy: ExchangerPolicy): boolean {
  if (state.inFlight !== undefined) return false
  if (state.retired.length > 0) return true
  let sum = 0n
  for (const [key, { signed, sinceMs, urgent, tried }] of state.pending) {
    if (urgent || nowMs - sinceMs >= policy.maxAgeMs) return true
    if (tried !== true) sum += signed.promise.agreement.total - (state.credited.get(key) ?? 0n)
  }
  return sum >= policy.dueSum
}

/**
 * Closes the open epoch with a batch of what is pending, and opens the next.
 *
 * The caller makes the new state durable before the batch is sent and before the new epoch's lock is used.
 */
export function closeBatch(
  state: ExchangerState,
  own: {
    readonly provider: Address
    readonly lockOf: (epoch: bigint) => Bytes32
    readonly preimageOf: (epoch: bigint) => Uint8Array
  },
  policy: ExchangerPolicy,
): ExchangerState {
  assert(state.inFlight === undefined, 'one batch in flight')
  const [retired, ...stillRetired] = state.retired
  const epoch = retired ?? state.epoch
  const hashlock = own.lockOf(epoch)
  // What waits under a younger lock can't go with a retired epoch: the accountant doesn't know that lock yet.
  const fitting = [...state.pending].filter(([, { signed }]) => {
    return retired === undefined || signed.promise.hashlock === hashlock
  })
  const chosen = fitting.slice(0, policy.maxItems)
  const pending = new Map(state.pending)
  for (const [key] of chosen) pending.delete(key)
  const batch: Batch = {
    provider: own.provider,
    epoch,
    hashlock,
    previousAmount: state.newest?.amount ?? 0n,
    ...(state.newest === undefined ? {} : { lastPreimage: own.preimageOf(state.newest.epoch) }),
    items: chosen.map(([, { signed }]) => signed),
    takesBounty: true,
  }
  return {
    ...state,
    pending,
    retired: stillRetired,
    epoch: retired === undefined ? epoch + 1n : state.epoch,
    inFlight: { batch, keys: chosen.map(([key]) => key) },
  }
}

/**
 * Takes the answer to the batch in flight, whose signatures and digest the caller has verified (P8).
 *
 * Checks that it credits what its verdicts say, at no more than `feeLimit`, and that a bounty in it is promised in full; a bad answer changes nothing, and its
 * preimage stays secret. The caller makes the new state durable before any preimage of this epoch is shown.
 */
export function takeAnswer(
  state: ExchangerState,
  answer: BatchAnswer,
  feeLimit: number,
  nowMs: number,
): Verdict<AnswerRefusal, { readonly state: ExchangerState; readonly outcomes: readonly ItemOutcome[] }> {
  const { inFlight } = state
  if (inFlight === undefined || inFlight.batch.epoch !== answer.epoch) {
    return refuse({ code: 'answer-wrong-batch', epoch: answer.epoch })
  }
  const { batch, keys } = inFlight
  if (answer.promise.hashlock !== batch.hashlock || answer.promise.epoch !== batch.epoch) {
    return refuse({ code: 'answer-wrong-lock', hashlock: answer.promise.hashlock })
  }
  if (answer.verdicts.length !== batch.items.length) {
    return refuse({ code: 'answer-verdict-count', verdicts: answer.verdicts.length })
  }
  const outcomes = batch.items.map((signed, item): ItemOutcome => {
    const key = keys[item] as string
    const verdict = answer.verdicts[item] as ItemVerdict
    const short = mostDelta(state, { key, signed, verdict }) - verdict.delta
    return { key, signed, verdict, ...(short > 0n ? { short } : {}) }
  })
  const wrong = outcomes.findIndex((outcome) => !isPossible(outcome.verdict, mostDelta(state, outcome)))
  if (wrong >= 0) return refuse({ code: 'answer-wrong-delta', item: wrong })
  if (answer.feeRate > feeLimit) {
    return refuse({ code: 'answer-fee-too-high', feeRate: answer.feeRate, limit: feeLimit })
  }
  const sum = outcomes.reduce((total, { verdict }) => total + verdict.delta, 0n)
  const fee = feeOf(sum, answer.feeRate)
  const expected = batch.previousAmount + sum - fee + (answer.bounty ?? 0n)
  if (answer.promise.amount !== expected || answer.credited !== sum - fee || answer.fee !== fee) {
    return refuse({ code: 'answer-wrong-amount', amount: answer.promise.amount, expected })
  }
  return accept({ state: settleOutcomes(state, answer, outcomes, nowMs), outcomes })
}

/**
 * Adopts the accountant's newest promise (verified by the caller) where it is not below ours; the batch is built anew,
 * under the same lock while its epoch was not answered: its promises are good under no other.
 */
export function adoptNewest(state: ExchangerState, newest: SignedAccountantPromise): ExchangerState {
  if (newest.amount < (state.newest?.amount ?? 0n)) return state
  const { inFlight, ...rest } = state
  const pending = new Map(rest.pending)
  for (const [index, key] of (inFlight?.keys ?? []).entries()) {
    const signed = inFlight?.batch.items[index]
    if (signed !== undefined && !pending.has(key)) pending.set(key, { signed, sinceMs: 0, urgent: true })
  }
  const refused = inFlight === undefined ? [] : [inFlight.batch.epoch]
  const retired = [...refused, ...state.retired].filter((epoch) => epoch > newest.epoch)
  // All that it promised was credited by it; what of that were bounties only the lost state knew.
  const creditedSum = newest.amount - state.bountySum
  return { ...rest, pending, retired, epoch: maxOf(state.epoch, newest.epoch + 1n), newest, creditedSum }
}

/**
 * Takes the newest promise in another signature (verified by the caller): after the operator's key was replaced. The promise
 * itself stays as it is; one that differs from ours is none of ours, and changes nothing.
 */
export function takeResigned(state: ExchangerState, resigned: SignedAccountantPromise): ExchangerState {
  const { newest } = state
  const same =
    newest !== undefined &&
    resigned.epoch === newest.epoch &&
    resigned.amount === newest.amount &&
    resigned.hashlock === newest.hashlock
  return same ? { ...state, newest: { ...newest, signature: resigned.signature } } : state
}

/** An agreement that is over, all of it credited. One that waits for an answer keeps its place. */
export function forgetCredited(state: ExchangerState, key: string): ExchangerState {
  const waits = state.pending.has(key) || inFlightTotal(state, key) > 0n
  if (waits || !state.credited.has(key)) return state
  const credited = new Map(state.credited)
  credited.delete(key)
  return { ...state, credited }
}

/** Finally refused, on the accountant's bare word. */
export interface UnprovedRefusals {
  readonly sum: bigint
  readonly sinceMs: number
}

export const noRefusals: UnprovedRefusals = { sum: 0n, sinceMs: 0 }
/** Honest accountants refuse a little now and then: summed up for longer, it would tell against them. */
const refusalWindowMs = 86_400_000

/**
 * Adds what an answer refuses for good: an accountant that later settles those promises has kept the money. Honest ones
 * refuse a little now and then, so a sum counts for a day; one above `limit` stays.
 *
 * @param after the state after the answer.
 */
export function addRefusals(
  before: UnprovedRefusals,
  after: ExchangerState,
  outcomes: readonly ItemOutcome[],
  { nowMs, limit }: { readonly nowMs: number; readonly limit: bigint },
): UnprovedRefusals {
  const refused = outcomes.reduce((sum, { key, signed, verdict, short = 0n, proven = false }) => {
    if (verdict.code === undefined) return sum + short
    return verdict.final === true && !proven
      ? sum + signed.promise.agreement.total - (after.credited.get(key) ?? 0n)
      : sum
  }, 0n)
  if (refused <= 0n) return before
  const fresh = before.sum <= limit && nowMs - before.sinceMs >= refusalWindowMs
  return fresh ? { sum: refused, sinceMs: nowMs } : { ...before, sum: before.sum + refused }
}

/** What the batch in flight carries of one agreement; 0 where nothing. */
function inFlightTotal({ inFlight }: ExchangerState, key: string): bigint {
  const item = inFlight?.batch.items[inFlight.keys.indexOf(key)]
  return item?.promise.agreement.total ?? 0n
}

/**
 * Less than the whole step is possible: after an old backup we don't know of all that was credited before, and an honest
 * answer must not stand still for ever. On the accountant's bare word, so it counts as refused.
 */
function isPossible({ code, delta }: ItemVerdict, most: bigint): boolean {
  return code === undefined ? delta > 0n && delta <= most : delta === 0n
}

/** The accountant can't credit more than the step from what it credited before; nothing for a refused item. */
function mostDelta(
  state: ExchangerState,
  { key, signed, verdict }: Pick<ItemOutcome, 'key' | 'signed' | 'verdict'>,
): bigint {
  if (verdict.code !== undefined) return 0n
  return signed.promise.agreement.total - (state.credited.get(key) ?? 0n)
}

function settleOutcomes(
  state: ExchangerState,
  answer: BatchAnswer,
  outcomes: readonly ItemOutcome[],
  nowMs: number,
): ExchangerState {
  const credited = new Map(state.credited)
  const pending = new Map(state.pending)
  for (const { key, signed, verdict } of outcomes) {
    if (verdict.code === undefined) credited.set(key, signed.promise.agreement.total)
    else if (verdict.final !== true && !pending.has(key)) {
      pending.set(key, { signed, sinceMs: nowMs, urgent: false, tried: true })
    }
  }
  const { inFlight: _, ...rest } = state
  return {
    ...rest,
    pending,
    credited,
    newest: answer.promise,
    creditedSum: state.creditedSum + answer.credited,
    feeSum: state.feeSum + answer.fee,
    bountySum: state.bountySum + (answer.bounty ?? 0n),
  }
}
