/**
 * The soak: a quiet day of many sessions, in which nothing may go wrong, and nothing may grow but by what was done.
 *
 * The day has what any day has: a provider and the accountant start anew, the chain is away for an hour and is reorganised,
 * packets are lost. Limits are the defaults, invoices come up to five minutes apart.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FaultPlan, Story } from './story.ts'

export interface Soak {
  /** At any time. */
  readonly sessions: number
  readonly hours: number
  readonly lookEveryMs: number
}

export interface HeapLook {
  /** Begun so far. */
  readonly sessions: number
  readonly batches: number
  readonly mib: number
}

export const hourMs = 3_600_000
/** One provider grants first credit to 333 strangers in a day. */
const sessionsPerProvider = 200
/** A provider that hears nothing for 10 s ends the session: keep-alives can't come less often than this. */
const leastTimerMs = 9_000
/** Its 5 minutes come to less than the sum at which an invoice comes sooner: 1.5 · 10⁻³ MYST. */
const bytesPerSecond = 20_000

export function soakStory({ sessions, hours }: Pick<Soak, 'sessions' | 'hours'>): Story {
  const lengthMs = hours * hourMs
  const at = (part: number) => Math.floor(lengthMs * part)
  const loss = (part: number): FaultPlan => ({
    kind: 'weather',
    atMs: at(part),
    forMs: Math.min(600_000, at(0.1)),
    weather: { loss: 0.005, duplication: 0.1, mostDelayMs: 300 },
  })
  return {
    realCurve: false,
    quiet: true,
    leastTimerMs,
    lengthMs,
    minInvoiceMs: 5_000,
    bytesPerSecond,
    blockMs: 12_000,
    finality: 6,
    feeRate: 2000,
    exitDelayS: 3 * 86_400,
    recoveryMs: 86_400_000,
    providers: Array.from({ length: Math.ceil(sessions / sessionsPerProvider) }, () => ({})),
    consumers: Array.from({ length: sessions }, (_, index) => ({
      host: `10.${index >> 8}.${index & 255}.7`,
      parallel: 1,
      balance: 5n * 10n ** 18n,
      staysMs: [600_000, 4 * hourMs],
    })),
    faults: [
      loss(0.1),
      { kind: 'crash', atMs: at(0.2), forMs: 30_000, who: 'accountant', atCommit: 'after' },
      { kind: 'reorg', atMs: at(0.3), blocks: 5 },
      { kind: 'crash', atMs: at(0.4), forMs: 30_000, who: 'provider-1', atCommit: 'before' },
      { kind: 'chain-away', atMs: at(0.5), forMs: Math.min(hourMs, at(0.1)) },
      loss(0.7),
      { kind: 'reorg', atMs: at(0.8), blocks: 3 },
    ],
  }
}

/** Of this thread, after a collection. */
export function heapMib(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed / 2 ** 20
}
