/**
 * Metrics of the accountant's money: what the treasurer last saw, and which alarms are in force.
 *
 * @module
 */

import type { Collector } from './collector.ts'
import type { ExitHolder } from './exit-holder.ts'
import { type GaugeRow, inMyst, one } from './metrics.ts'
import type { Transactions } from './transactions.ts'
import type { Treasurer, TreasuryFigures } from './treasurer.ts'
import { alarmCodes, missingOf, spareOf } from './treasurer-rules.ts'

export interface TreasuryObserved {
  readonly treasurer: Treasurer
  readonly transactions: Transactions
  readonly collector: Pick<Collector, 'waiting'>
  readonly holder: Pick<ExitHolder, 'missing'>
  readonly now: () => number
}

export function treasuryGauges(observed: TreasuryObserved): GaugeRow[] {
  const { treasurer, transactions, collector, holder, now } = observed
  /** Nothing before the chain was seen. */
  const seen = (value: (figures: TreasuryFigures) => number) => () => {
    const figures = treasurer.figures()
    return figures === undefined ? [] : [[{}, value(figures)] as const]
  }
  const sum = (value: (figures: TreasuryFigures) => bigint) => seen((figures) => inMyst(value(figures)))
  const ageOf = (sinceMs: number | undefined) => (sinceMs === undefined ? 0 : Math.max(0, (now() - sinceMs) / 1000))
  const alarms = () => {
    const inForce = new Set(treasurer.alarms().map(({ code }) => code))
    return alarmCodes.map((code) => [{ alarm: code }, Number(inForce.has(code))] as const)
  }
  return [
    ['accountant_alarm', '1: in force. The solvency page says in words what to do.', alarms, ['alarm']],
    ['accountant_free_funds_myst', 'On the contract, for whoever settles.', sum(({ chain }) => chain.freeFunds)],
    ['accountant_spare_myst', 'Free funds less what guarantees lack.', sum(({ chain }) => spareOf(chain))],
    ['accountant_guarantees_missing_myst', 'Below their targets.', sum(({ chain }) => missingOf(chain))],
    ['accountant_operator_stake_myst', 'What a punishment takes from.', sum(({ chain }) => chain.operatorStake)],
    ['accountant_unsettled_myst', 'Promised to providers, not settled.', sum(({ ledger }) => ledger.unsettled)],
    ['accountant_collected_myst', 'Paid by channels so far.', sum(({ ledger }) => ledger.collected)],
    ['accountant_collectable_myst', 'Revealed and not collected.', sum(({ ledger }) => ledger.collectable)],
    ['accountant_open_myst', 'Credited, preimage not shown yet.', sum(({ ledger }) => ledger.open)],
    ['accountant_gas_native', 'The operator’s, in the chain’s coin.', sum(({ chain }) => chain.gasBalance)],
    ['accountant_treasury_age_seconds', 'Since the chain was last read.', seen(({ atMs }) => ageOf(atMs))],
    ['accountant_transactions_underway', 'On their way to the chain.', one(transactions.underway)],
    ['accountant_transactions_waiting', 'Not sent yet.', one(transactions.waiting)],
    ['accountant_holds_missing', 'Channels under exit without their hold.', one(() => holder.missing().count)],
    ['accountant_collectable_channels', 'Channels that wait to be collected.', one(() => collector.waiting().count)],
    [
      'accountant_collectable_age_seconds',
      'Of the promise that waits for longest.',
      one(() => ageOf(collector.waiting().sinceMs)),
    ],
  ]
}
