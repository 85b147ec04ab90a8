/**
 * Exchange: how many promises a second an accountant takes over, each one recovered, checked and durable before its answer.
 *
 * A real accountant on a real chain, asked over its stream by other processes. `MYST_LONG=1` measures for longer.
 *
 * @example ./dev bench exchange --json
 *
 * @module
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import { type ExchangeFigures, measureExchange } from './exchange/measure.ts'
import { openPeers } from './exchange/peers.ts'
import { type Benchmark, renderTable } from './frame/benchmark.ts'

const goals = { promisesPerSecond: 10_000, ratio: 0.5, p99Ms: 100, lostAfterKill: 0 } as const

export interface ExchangeReport extends ExchangeFigures {
  readonly goals: typeof goals
}

const long = process.env.MYST_LONG === '1'

export const bench: Benchmark<ExchangeReport> = {
  about: 'promises a second through an accountant, over a socket, durable',

  async run(say) {
    await using peers = openPeers()
    const figures = await measureExchange(
      await loadNativeCrypto(),
      {
        host: '127.0.41.1',
        generators: 2,
        providers: 1000,
        consumers: 10_000,
        items: 64,
        stretches: long ? 15 : 5,
        promises: long ? 50_000 : 12_800,
        curve: [1, 4, 16, 64, 256],
        curveBatches: long ? 5000 : 1000,
      },
      say,
      peers.measure,
    )
    return { ...figures, goals }
  },

  render(report) {
    return [
      renderTable([
        ['', 'ours', 'goal'],
        ['promises a second', show(report.promisesPerSecond), show(goals.promisesPerSecond)],
        ['of what the cores could recover and sign', String(report.ratio), String(goals.ratio)],
        ['answer after, median, ms', String(report.p50Ms), ''],
        ['answer after, 99 of 100, ms', String(report.p99Ms), String(goals.p99Ms)],
        ['answers lost by kill -9', String(report.lostAfterKill), String(goals.lostAfterKill)],
      ]),
      '',
      renderTable([
        ['promises a batch', 'promises a second', 'p50 ms', 'p99 ms'],
        ...report.curve.map((point) => [
          String(point.items),
          show(point.promisesPerSecond),
          String(point.p50Ms),
          String(point.p99Ms),
        ]),
      ]),
      '',
      `${report.cores} cores; one recovers ${show(report.recoverPerSecondPerCore)} and signs ${show(report.signPerSecondPerCore)} a second.`,
      ...report.peers.map(
        ({ name, perSecond, missing }) => `${name}: ${missing ?? `${show(perSecond ?? 0)} checks a second`}`,
      ),
    ].join('\n')
  },
}

const show = (value: number): string => value.toLocaleString('en')
