/**
 * What a status says of a node's money.
 *
 * @module
 */

import type { DeskStanding, PayerBook } from '@myst/billing'
import { type Fault, maxOf } from '@myst/protocol'
import type { Funds } from './funds.ts'
import type { AlarmView, ConsumerBalance, ProviderBalance } from './node-core.ts'
import type { AccountEarnings } from './settlement/settler.ts'
import { alarmOf } from './settlement/views.ts'

export function consumerBalance({ balance, capacity, settled }: Funds, book: PayerBook): ConsumerBalance {
  const { amount, promises } = book
  return {
    balance,
    spent: amount,
    left: maxOf(0n, capacity - amount),
    inFlight: maxOf(0n, amount - settled),
    promises,
  }
}

export function providerBalance(standing: DeskStanding, earnings: readonly AccountEarnings[]): ProviderBalance {
  const sum = (of: (one: AccountEarnings) => bigint) => earnings.reduce((total, one) => total + of(one), 0n)
  return {
    inFlight: standing.uncredited,
    credited: standing.credited,
    accountantFees: standing.fees,
    bounties: standing.bounties,
    unsettled: sum(({ unsettled }) => unsettled),
    guaranteed: sum(({ guaranteed }) => guaranteed),
    settling: sum(({ settling }) => settling),
    settled: sum(({ settled }) => settled ?? 0n),
    transactorFees: sum(({ fees }) => fees),
    batches: standing.batches,
    promises: standing.promises,
  }
}

/** What stands in the way at one accountant is not said again where it is the chain that does not answer. */
export function alarmsOf(chainFault: Fault | undefined, earnings: readonly AccountEarnings[]): AlarmView[] {
  return [
    ...(chainFault === undefined ? [] : [alarmOf(chainFault)]),
    ...earnings.flatMap(({ accountant, problem }) =>
      problem === undefined || problem.code === chainFault?.code ? [] : [{ ...alarmOf(problem), accountant }],
    ),
  ]
}
