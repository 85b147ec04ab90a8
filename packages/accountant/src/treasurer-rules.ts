/**
 * What the treasurer does: from what the chain, the ledger and the operator's wallet show, which alarms are in force and what
 * is sent. A pure step; `treasurer.ts` acts.
 *
 * `spare` is what settlements may take before a punishment starts: free funds less what guarantees lack. So every warning
 * is about money that is spare, and comes before the contract finds anything missing.
 *
 * @module
 */

import { type Address, maxOf, minOf, type PayoutPeriod } from '@myst/protocol'
import type { ChainFigures } from './chain-book.ts'
import type { LedgerFigures } from './ledger-figures.ts'

export interface TreasuryView {
  readonly nowMs: number
  /** Of the last look that succeeded. */
  readonly lookedAtMs: number
  readonly chain: ChainFigures
  readonly ledger: LedgerFigures
  /** Guarantees below their target. */
  readonly lacking: readonly { readonly provider: Address; readonly lack: bigint }[]
  readonly holdsMissingSinceMs?: number | undefined
  readonly collectableSinceMs?: number | undefined
  readonly payouts: readonly PayoutAsked[]
}

/** A provider that asked to be paid on schedule. */
export interface PayoutAsked {
  readonly provider: Address
  readonly every: PayoutPeriod
  readonly least: bigint
  /** Of the last payout; absent: never. */
  readonly paidMs?: number | undefined
  /** What can be paid so far, and what was. */
  readonly revealed: bigint
  readonly settled: bigint
  /** The contract has heard the wish; else the order's own, where it has one that is still good. */
  readonly isWished: boolean
  readonly wishNonce?: bigint | undefined
}

export interface TreasuryTerms {
  /** Free funds above what guarantees lack; below it, a warning. */
  readonly fundsReserve: bigint
  /** Gas for so many transactions; below it, a warning. */
  readonly gasTransactions: bigint
  readonly collectWithinMs: number
  readonly exitDelayMs: number
  readonly payoutLeast: bigint
  /** MYST base units for one unit (10¹⁸) of the chain's coin. */
  readonly mystPerNative: bigint
}

export const alarmCodes = [
  'in-punishment',
  'guarantees-short',
  'settlement-uncovered',
  'promises-uncovered',
  'funds-low',
  'withdrawal-uncovered',
  'gas-low',
  'holds-late',
  'collection-late',
  'chain-unseen',
] as const
export type AlarmCode = (typeof alarmCodes)[number]

export interface Alarm {
  readonly code: AlarmCode
  /** What ends it: MYST to the accountant's contract, or the chain's coin to the operator. */
  readonly send?: { readonly amount: bigint; readonly coin: 'MYST' | 'native' }
}

export interface AlarmInForce extends Alarm {
  readonly sinceMs: number
}

export interface TreasuryState {
  readonly alarms: readonly AlarmInForce[]
  /** What was tried and changed nothing, with the situation in which: not again before that changes. */
  readonly tried: ReadonlyMap<string, string>
}
export const idleTreasury: TreasuryState = { alarms: [], tried: new Map() }

export interface Payout {
  readonly provider: Address
  readonly upTo: bigint
}

export type TreasuryAction =
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  | { readonly kind: 'alarm-over'; readonly code: AlarmCode }
  /** Everything that consumers owe: it becomes free funds. */
  | { readonly kind: 'collect' }
  | { readonly kind: 'rebalance'; readonly provider: Address }
  | { readonly kind: 'end-punishment' }
  | { readonly kind: 'lay-wish'; readonly provider: Address; readonly due: bigint }
  | { readonly kind: 'pay-out'; readonly payouts: readonly Payout[] }

/** Of a large transaction of the operator's: a full batch is ten times as much, and comes seldom. */
const transactionGas = 300_000n
const rebalanceGas = 80_000n
const nativeUnit = 10n ** 18n
/** Guarantees and wishes in one round; the next round takes the next ones. */
const maxAtOnce = 16
/** A batch of the contract's: some 30,000 gas each. */
const maxPayouts = 100
const dayMs = 86_400_000
const periodMs = { day: dayMs, week: 7 * dayMs } as const
/** Figures older than this are of no use for a warning. */
export const unseenMs = 600_000

export const missingOf = ({ totalStake, totalGuarantee }: ChainFigures): bigint => totalStake - totalGuarantee
export const spareOf = (chain: ChainFigures): bigint => maxOf(0n, chain.freeFunds - missingOf(chain))

export function stepTreasury(
  state: TreasuryState,
  view: TreasuryView,
  terms: TreasuryTerms,
): [TreasuryState, readonly TreasuryAction[]] {
  const alarms = alarmsOf(view, terms)
  const before = new Map(state.alarms.map((alarm) => [alarm.code, alarm.sinceMs]))
  const inForce = alarms.map((alarm) => ({ ...alarm, sinceMs: before.get(alarm.code) ?? view.nowMs }))
  const now = new Set(alarms.map(({ code }) => code))
  const tried = new Map<string, string>()
  const chain = actOnChain(view, terms, (what, situation) => {
    tried.set(what, situation)
    return state.tried.get(what) !== situation
  })
  return [
    { alarms: inForce, tried },
    [
      ...alarms.filter(({ code }) => !before.has(code)).map((alarm) => ({ kind: 'alarm' as const, alarm })),
      ...[...before.keys()].filter((code) => !now.has(code)).map((code) => ({ kind: 'alarm-over' as const, code })),
      ...(alarms.some(isAboutFunds) && view.ledger.collectable > 0n ? [{ kind: 'collect' as const }] : []),
      ...chain,
    ],
  ]
}

const isAboutFunds = ({ send }: Alarm) => send?.coin === 'MYST'

/** What must be free so that one settlement, whichever comes, leaves nothing missing. */
const largestOf = ({ ledger }: TreasuryView) => ledger.largest?.unsettled ?? 0n

function alarmsOf(view: TreasuryView, terms: TreasuryTerms): Alarm[] {
  const { chain, ledger, nowMs } = view
  const missing = missingOf(chain)
  // Below 0 where guarantees lack more than is free: what is sent must make that good first.
  const spare = chain.freeFunds - missing
  const largest = largestOf(view)
  const covered = spare + ledger.guaranteedUnsettled
  const owed = ledger.unsettled + ledger.bountiesPending
  const gasWanted = terms.gasTransactions * transactionGas * chain.gasPrice
  const needed = maxOf(largest, terms.fundsReserve)
  const olderThan = (sinceMs: number | undefined, ms: number) => sinceMs !== undefined && nowMs - sinceMs > ms
  const myst = (amount: bigint) => ({ amount, coin: 'MYST' as const })
  const found: readonly (Alarm | false)[] = [
    chain.punishedSinceS > 0n && { code: 'in-punishment', send: myst(maxOf(1n, missing + needed - chain.freeFunds)) },
    missing > chain.freeFunds && { code: 'guarantees-short', send: myst(missing - chain.freeFunds) },
    largest > spare && { code: 'settlement-uncovered', send: myst(largest - spare) },
    owed > covered && { code: 'promises-uncovered', send: myst(owed - covered) },
    spare < terms.fundsReserve && { code: 'funds-low', send: myst(terms.fundsReserve - spare) },
    chain.withdrawal.amount > 0n &&
      spare < chain.withdrawal.amount + needed && {
        code: 'withdrawal-uncovered',
        send: myst(chain.withdrawal.amount + needed - spare),
      },
    chain.gasBalance < gasWanted && {
      code: 'gas-low',
      send: { amount: gasWanted - chain.gasBalance, coin: 'native' },
    },
    // A hold must be there within a quarter of the delay.
    olderThan(view.holdsMissingSinceMs, terms.exitDelayMs / 16) && { code: 'holds-late' },
    olderThan(view.collectableSinceMs, 2 * terms.collectWithinMs) && { code: 'collection-late' },
    nowMs - view.lookedAtMs > unseenMs && { code: 'chain-unseen' },
  ]
  return found.filter((alarm) => alarm !== false)
}

/** @param isNew remembers what is tried, and says whether it was tried in the same situation before. */
function actOnChain(
  view: TreasuryView,
  terms: TreasuryTerms,
  isNew: (what: string, situation: string) => boolean,
): TreasuryAction[] {
  const { chain, nowMs, lookedAtMs } = view
  // Nothing is sent on old figures.
  if (nowMs - lookedAtMs > unseenMs) return []
  const punished = chain.punishedSinceS > 0n
  const isOver = punished && missingOf(chain) <= chain.freeFunds && chain.shortProviders === 0n
  return [
    ...(isOver ? [{ kind: 'end-punishment' as const }] : []),
    ...rebalances(view, terms, isNew),
    ...(punished ? [] : [...wishes(view, terms, isNew), ...payouts(view, terms)]),
  ]
}

/** Refills what free funds or the reserve can refill: what is spare stays the same, and the provider is safer. */
function rebalances(
  { chain, lacking }: TreasuryView,
  { mystPerNative }: TreasuryTerms,
  isNew: (what: string, situation: string) => boolean,
): TreasuryAction[] {
  if (chain.freeFunds + chain.reserve === 0n) return []
  const cost = (rebalanceGas * chain.gasPrice * mystPerNative) / nativeUnit
  return lacking
    .filter(({ lack }) => lack > cost || chain.punishedSinceS > 0n)
    .filter(({ provider, lack }) => isNew(`rebalance ${provider}`, `${lack} ${chain.freeFunds} ${chain.reserve}`))
    .slice(0, maxAtOnce)
    .map(({ provider }) => ({ kind: 'rebalance', provider }))
}

/** Absent: not due, or not worth it. */
function dueOf({ every, least, paidMs, revealed, settled }: PayoutAsked, nowMs: number, terms: TreasuryTerms) {
  if (every === 'never' || (paidMs !== undefined && nowMs - paidMs < periodMs[every])) return undefined
  const due = revealed - settled
  return due >= maxOf(least, terms.payoutLeast) ? due : undefined
}

/** Laid on chain when there is something to pay: who asks and earns nothing costs no gas. */
function wishes(
  { payouts: asked, nowMs }: TreasuryView,
  terms: TreasuryTerms,
  isNew: (what: string, situation: string) => boolean,
): TreasuryAction[] {
  return asked
    .flatMap((one) => {
      const due = dueOf(one, nowMs, terms)
      if (due === undefined || one.isWished || one.wishNonce === undefined) return []
      if (!isNew(`wish ${one.provider}`, String(one.wishNonce))) return []
      return [{ kind: 'lay-wish' as const, provider: one.provider, due }]
    })
    .slice(0, maxAtOnce)
}

/** Who waits for longest comes first; out of what is spare, all together. */
function payouts({ chain, payouts: asked, nowMs }: TreasuryView, terms: TreasuryTerms): TreasuryAction[] {
  let left = spareOf(chain)
  const chosen: Payout[] = []
  for (const one of [...asked].sort((a, b) => (a.paidMs ?? 0) - (b.paidMs ?? 0))) {
    const due = one.isWished ? dueOf(one, nowMs, terms) : undefined
    if (due === undefined || due > left || chosen.length === maxPayouts) continue
    left -= minOf(due, left)
    chosen.push({ provider: one.provider, upTo: one.revealed })
  }
  return chosen.length === 0 ? [] : [{ kind: 'pay-out', payouts: chosen }]
}
