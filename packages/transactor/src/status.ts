/**
 * What a transactor says of itself: for people, and as metrics.
 *
 * @module
 */

import type { OutboxCounts } from '@myst/chain'
import type { Address } from '@myst/protocol'
import type { Carrier } from './carrier.ts'

/** Sums in the chain's smallest unit, as decimal strings. */
export interface NetworkStatus {
  readonly networkId: string
  readonly chainId: string
  readonly transactor: Address
  readonly chain: {
    readonly reachable: boolean
    readonly head: string | undefined
    readonly faults: number
    readonly endpoints: number
    readonly endpointsAway: number
    /** How often two of them said different things, since the start. */
    readonly disagreements: number
  }
  readonly gas: {
    readonly balance: string | undefined
    readonly price: string | undefined
    /** At the larger of today's and yesterday's spending; absent where nothing was spent. */
    readonly daysLeft: number | undefined
    readonly low: boolean
    readonly spentToday: string
    readonly lostToday: string
    readonly maxLostPerDay: string
    readonly advancedToday: string
    readonly maxAdvancedPerDay: string
  }
  readonly queue: { readonly waiting: number; readonly underway: number; readonly feesToCome: number }
  readonly outbox: OutboxCounts
  readonly sponsoredLeftToday: number
  readonly giftsLeftToday: number
}

export function daysLeft(balance: bigint, spentToday: bigint, spentYesterday: bigint): number | undefined {
  const perDay = spentToday > spentYesterday ? spentToday : spentYesterday
  return perDay === 0n ? undefined : Number((balance * 10n) / perDay) / 10
}

interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly values: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[]
}

/** In the text format of Prometheus. Sums lose what a double loses. */
export function renderMetrics(
  networks: readonly { readonly status: NetworkStatus; readonly counts: ReturnType<Carrier['counts']> }[],
): string {
  const each = (value: (status: NetworkStatus) => number | undefined): Metric['values'] =>
    networks.flatMap(({ status }) => {
      const figure = value(status)
      return figure === undefined ? [] : [[{ network: status.networkId }, figure] as const]
    })
  const sum = (text: string | undefined) => (text === undefined ? undefined : Number(text))
  const metrics: readonly Metric[] = [
    {
      name: 'requests_total',
      kind: 'counter',
      help: 'Requests since the start, by call and what became of them.',
      values: networks.flatMap(({ status, counts }) =>
        [...counts].flatMap(([call, ends]) =>
          Object.entries(ends).map(([end, count]) => [{ network: status.networkId, call, end }, count] as const),
        ),
      ),
    },
    gauge('requests_waiting', 'Requests that have not ended.', (status) => status.queue.waiting),
    gauge('transactions_underway', 'Nonces in use.', (status) => status.queue.underway),
    gauge('fees_to_come', 'Calls carried whose fee comes later.', (status) => status.queue.feesToCome),
    counter('transactions_replaced_total', 'Offers raised.', (status) => status.outbox.replaced),
    counter(
      'transactions_rebroadcast_total',
      'Sent again to a pool that forgot.',
      (status) => status.outbox.rebroadcast,
    ),
    counter('transactions_voided_total', 'Sent to free a nonce.', (status) => status.outbox.voided),
    counter('transactions_displaced_total', 'Nonces that another used.', (status) => status.outbox.displaced),
    counter('chain_faults_total', 'Times the chain did not answer as it should.', (status) => status.chain.faults),
    gauge('chain_reachable', '1 where the chain answers.', (status) => Number(status.chain.reachable)),
    gauge('chain_endpoints_away', 'RPC endpoints left out just now.', (status) => status.chain.endpointsAway),
    counter(
      'chain_disagreements_total',
      'Times two endpoints said different things; what depends on it waited.',
      (status) => status.chain.disagreements,
    ),
    gauge('chain_head_block', 'Number of the newest block.', (status) => sum(status.chain.head)),
    gauge('gas_price_wei', 'What a unit of gas costs now.', (status) => sum(status.gas.price)),
    gauge('gas_balance_wei', 'What is left for gas.', (status) => sum(status.gas.balance)),
    gauge('gas_left_days', 'At the larger of the spending of today and yesterday.', (status) => status.gas.daysLeft),
    gauge('gas_low', '1 where gas is running low.', (status) => Number(status.gas.low)),
    gauge('gas_spent_today_wei', 'All gas paid today (UTC).', (status) => sum(status.gas.spentToday)),
    gauge('gas_lost_today_wei', 'Of it, for transactions without a fee.', (status) => sum(status.gas.lostToday)),
    gauge('gas_lost_limit_wei', 'From there on nothing is carried today.', (status) => sum(status.gas.maxLostPerDay)),
    gauge('gas_advanced_today_wei', 'Of it, for fees to come.', (status) => sum(status.gas.advancedToday)),
    gauge('sponsored_left_today', 'Registrations without a fee.', (status) => status.sponsoredLeftToday),
    gauge('gifts_left_today', 'Gifts of the faucet.', (status) => status.giftsLeftToday),
  ]
  return `${metrics
    .filter(({ values }) => values.length > 0)
    .map(renderMetric)
    .join('\n')}\n`

  function gauge(name: string, help: string, value: (status: NetworkStatus) => number | undefined): Metric {
    return { name, help, kind: 'gauge', values: each(value) }
  }
  function counter(name: string, help: string, value: (status: NetworkStatus) => number | undefined): Metric {
    return { name, help, kind: 'counter', values: each(value) }
  }
}

function renderMetric({ name, kind, help, values }: Metric): string {
  const full = `myst_transactor_${name}`
  const lines = values.map(([labels, value]) => {
    const inside = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`)
    return `${full}{${inside.join(',')}} ${value}`
  })
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${kind}`, ...lines].join('\n')
}
