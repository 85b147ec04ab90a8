/**
 * What an accountant tells Prometheus. Units stand in the names; identities never do.
 *
 * @module
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ExchangeFrom } from './admission.ts'

/** What is asked for at each scrape; none of it looks at the chain. */
export interface Observed {
  /** Whether answers are given. */
  running(): boolean
  signerAway(): boolean
  signatureThreads(): number
  signatureJobs(): number
  streamConnections(): number
  credited(): bigint
  promises(): number
  /** Co-signed and not over. */
  fastExits(): number
  /** Records in the ledger, at the last look. */
  agreements(): number
  locks(): number
  /** Records. */
  forgotten(): number
  /** Of the log, what a start would apply anew. */
  tail(): { readonly entries: number; readonly bytes: number }
  recovering(): boolean
  /** Promised for what was lost. */
  unknown(): bigint
}

export interface Metrics {
  /** In Prometheus' text format. */
  text(): Promise<string>
  readonly contentType: string
  /** Around the exchange: counts and times what passes through. */
  observe(exchange: ExchangeFrom): ExchangeFrom
}

/** Name, help, what there is now, each with its labels, and the names of those. Without a value it is left out. */
export type GaugeRow = readonly [
  name: string,
  help: string,
  values: () => readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[],
  labelNames?: readonly string[],
]
export const one =
  (value: () => number): GaugeRow[2] =>
  () => [[{}, value()]]

/** In whole units: Prometheus keeps 53 bits, and accounts are kept elsewhere. */
export const inMyst = (amount: bigint): number => Number(amount / 10n ** 12n) / 1e6

/** Answers take a few milliseconds; a second is a disk or a chain that hangs. */
const secondsBuckets = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

export function createMetrics(observed: Observed, more: readonly GaugeRow[] = []): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const answers = new Counter({
    name: 'accountant_answers_total',
    help: 'Batches by what became of them: answered, already-answered, or the code of the refusal.',
    labelNames: ['answer'],
    registers,
  })
  const seconds = new Histogram({
    name: 'accountant_exchange_seconds',
    help: 'From a batch to its answer, which is durable then.',
    buckets: secondsBuckets,
    registers,
  })
  const gauges: readonly GaugeRow[] = [
    ['accountant_running', '1: answers are given. 0: only reads.', one(() => Number(observed.running()))],
    ['accountant_signer_away', '1: a signer has the key, and did not sign.', one(() => Number(observed.signerAway()))],
    ['accountant_signature_threads', 'Threads that check and make signatures.', one(observed.signatureThreads)],
    ['accountant_signature_jobs', 'Batches and groups that wait for a signature thread.', one(observed.signatureJobs)],
    ['accountant_stream_connections', 'Providers on the stream.', one(observed.streamConnections)],
    ['accountant_credited_myst', 'Promised to providers so far.', one(() => inMyst(observed.credited()))],
    ['accountant_promises', 'Consumer promises credited so far.', one(observed.promises)],
    [
      'accountant_recovering',
      '1: restored, and nothing is credited from channels.',
      one(() => Number(observed.recovering())),
    ],
    ['accountant_unknown_myst', 'Promised for what a restore lost.', one(() => inMyst(observed.unknown()))],
    ['accountant_fast_exits', 'Fast exits co-signed, and neither executed nor expired yet.', one(observed.fastExits)],
    [
      'accountant_agreements',
      'Agreements in the ledger; below the floor they are forgotten.',
      one(observed.agreements),
    ],
    ['accountant_locks', 'Revealed locks in the ledger; they are forgotten after a month.', one(observed.locks)],
    [
      'accountant_ledger_tail_entries',
      'Log entries that a start would apply anew.',
      one(() => observed.tail().entries),
    ],
    [
      'accountant_ledger_tail_bytes',
      'Their bytes; near 32 MiB the stored records follow. Larger than 64 MiB: they find no space.',
      one(() => observed.tail().bytes),
    ],
    ['accountant_forgotten_records', 'Agreements and locks forgotten since the start.', one(observed.forgotten)],
    ...more,
  ]
  for (const [name, help, values, labelNames = []] of gauges) {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        const now = values()
        if (now.length === 0) this.remove({})
        for (const [labels, value] of now) this.set(labels, value)
      },
    })
  }

  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    observe: (exchange) => async (signed, from) => {
      const end = seconds.startTimer()
      const reply = await exchange(signed, from)
      end()
      answers.inc({ answer: reply.kind === 'refused' ? reply.code : reply.kind })
      return reply
    },
  }
}
