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
import { type ExchangeFigures, type ExchangeSize, measureExchange } from './exchange/measure.ts'
import { openPeers } from './exchange/peers.ts'
import { type Benchmark, renderTable } from './frame/benchmark.ts'

const goals = { promisesPerSecond: 10_000, ratio: 0.5, p99Ms: 100, lostAfterKill: 0 } as const

/** What one accountant does with so many channels that pay. */
interface ChannelsPoint {
  readonly channels: number
  readonly promisesPerSecond: number
  readonly p99Ms: number
  readonly accountantMib: number
}

export interface ExchangeReport extends ExchangeFigures {
  readonly channels: readonly ChannelsPoint[]
  readonly goals: typeof goals
}

const long = process.env.MYST_LONG === '1'
/** Each is a chain of its own, and each channel is looked at once before: 10⁶ take a quarter of an hour. */
const channelCounts = long ? [1000, 100_000, 1_000_000] : [1000]

export const bench: Benchmark<ExchangeReport> = {
  about: 'promises a second through an accountant, over a socket, durable',

  async run(say) {
    await using peers = openPeers()
    const crypto = await loadNativeCrypto()
    const size: ExchangeSize = {
      host: '127.0.41.1',
      generators: 2,
      providers: 1000,
      consumers: 10_000,
      items: 64,
      stretches: long ? 15 : 5,
      promises: long ? 50_000 : 12_800,
      curve: [1, 4, 16, 64, 256],
      curveBatches: long ? 5000 : 1000,
      withFairness: true,
    }
    const figures = await measureExchange(crypto, size, say, peers.measure)
    const channels = [pointOf(size.consumers, figures)]
    for (const consumers of channelCounts) {
      const smaller = { ...size, consumers, stretches: 3, curve: [], withFairness: false }
      channels.push(pointOf(consumers, await measureExchange(crypto, smaller, say)))
    }
    return { ...figures, channels: channels.sort((a, b) => a.channels - b.channels), goals }
  },

  render(report) {
    return [
      renderTable([
        ['', 'ours', 'goal'],
        ['promises a second', show(report.promisesPerSecond), show(goals.promisesPerSecond)],
        ['of what the cores could recover and sign', String(report.ratio), String(goals.ratio)],
        ['answer after, median, ms', String(report.p50Ms), ''],
        ['answer after, 99 of 100, ms', String(report.p99Ms), String(goals.p99Ms)],
        [
          'the same beside a flood, and alone',
          `${report.fairness?.besideFloodP99Ms}, ${report.fairness?.aloneP99Ms}`,
          'twice',
        ],
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
      renderTable([
        ['channels', 'promises a second', 'p99 ms', 'MiB'],
        ...report.channels.map((point) => [
          show(point.channels),
          show(point.promisesPerSecond),
          String(point.p99Ms),
          String(point.accountantMib),
        ]),
      ]),
      '',
      `One promise takes ${report.perPromiseUs.all} µs of the processors, ${report.perPromiseUs.ledger} of them of the thread that decides.`,
      `Extrapolated: one ledger ${show(report.extrapolated.perLedgerPerSecond)} a second on ${report.extrapolated.coresForOneLedger} cores; 100,000 a second on ${report.extrapolated.coresFor100k}.`,
      `${report.cores} cores; one recovers ${show(report.recoverPerSecondPerCore)} and signs ${show(report.signPerSecondPerCore)} a second.`,
      ...report.peers.map(
        ({ name, perSecond, missing }) => `${name}: ${missing ?? `${show(perSecond ?? 0)} checks a second`}`,
      ),
    ].join('\n')
  },
}

const pointOf = (channels: number, { promisesPerSecond, p99Ms, accountantMib }: ExchangeFigures): ChannelsPoint => ({
  channels,
  promisesPerSecond,
  p99Ms,
  accountantMib,
})
const show = (value: number): string => value.toLocaleString('en')
