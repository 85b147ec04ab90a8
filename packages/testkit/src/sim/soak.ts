/**
 * Plays the soak over threads, each with its share of the sessions in a world of its own, and looks at what grew.
 *
 * @module
 */

import { type Losses, noLosses } from './judge.ts'
import type { PlantedMistake } from './mistakes.ts'
import { type Failure, inParallel, mostOf, playIn } from './report.ts'
import { type HeapLook, hourMs } from './soak-story.ts'
import type { WorkResult } from './worker.ts'

export interface SoakReport {
  readonly sessions: number
  readonly virtualHours: number
  readonly steps: number
  readonly sessionsBegun: number
  readonly promises: number
  readonly batches: number
  readonly violations: number
  readonly failures: readonly Omit<Failure, 'replay'>[]
  readonly maxLoss: Losses
  readonly bounds: Losses
  /** Over all worlds, after a collection. */
  readonly heapMibAtStart: number
  readonly heapMibAtEnd: number
  /** Of each world, at each look. */
  readonly heapMib: readonly (readonly number[])[]
  readonly cpuSeconds: number
  readonly seconds: number
}

export interface SoakOptions {
  readonly sessions: number
  readonly hours: number
  readonly seed: number
  readonly threads: number
  readonly say: (line: string) => void
  readonly mistake?: PlantedMistake
}

/** A short soak is looked at more often than each hour. */
const leastLooks = 6
/** What a session leaves in the books of all parties and of the observers: 3 to 4 KiB were measured. */
const sessionMib = 6 / 1024
/** A batch stays on both sides' disks, which are this memory: some 3 KiB. */
const batchMib = 4 / 1024
/** Compiled code, and pools that breathe. */
const noiseMib = 0.75
/** Tables that double, and what consumers leave with providers they had not met before: 1 MiB for 500 in a soak of two hours. */
const openSessionMib = 2 / 1024

export async function soak({ sessions, hours, seed, threads, say, mistake }: SoakOptions): Promise<SoakReport> {
  const startedMs = performance.now()
  const lookEveryMs = Math.min(hourMs, (hours * hourMs) / leastLooks)
  const results: WorkResult[] = []
  const worlds = Array.from({ length: threads }, (_, index) => ({
    seeds: [seed + index],
    soak: { sessions: Math.floor((sessions + index) / threads), hours, lookEveryMs },
    ...(mistake === undefined ? {} : { mistake }),
  }))
  await inParallel(threads, worlds, (work) => playIn(work, (result) => void results.push(result), say))

  const failures = results.flatMap(({ seed, violations, heap }) => {
    const grown = growthOf(heap, Math.ceil(sessions / threads))
    const found = grown === undefined ? violations : [...violations, { rule: 'heap', what: grown }]
    return found.map(({ rule, what }) => ({ seed, rule, what }))
  })
  for (const { seed, rule, what } of failures) say(`world ${seed}: ${rule}: ${what}`)
  const sum = (of: (result: WorkResult) => number) => results.reduce((all, result) => all + of(result), 0)
  const rounded = (number: number) => Math.round(number * 10) / 10
  return {
    sessions,
    virtualHours: hours,
    steps: sum(({ steps }) => steps),
    sessionsBegun: sum((result) => result.sessions),
    promises: sum(({ promises }) => promises),
    batches: sum(({ batches }) => batches),
    violations: failures.length,
    failures: failures.slice(0, 20),
    maxLoss: results.map(({ losses }) => losses).reduce(mostOf, noLosses),
    bounds: results.map(({ bounds }) => bounds).reduce(mostOf, noLosses),
    heapMibAtStart: rounded(sum(({ heap }) => heap[0]?.mib ?? 0)),
    heapMibAtEnd: rounded(sum(({ heap }) => heap.at(-1)?.mib ?? 0)),
    heapMib: results.map(({ heap }) => heap.map(({ mib }) => rounded(mib))),
    cpuSeconds: rounded(sum(({ cpuSeconds }) => cpuSeconds)),
    seconds: rounded((performance.now() - startedMs) / 1000),
  }
}

/** In the second half: by then every party has met everybody. @returns what grew without a session that did it. */
function growthOf(heap: readonly HeapLook[], open: number): string | undefined {
  const middle = heap[Math.floor(heap.length / 2)]
  const last = heap.at(-1)
  if (middle === undefined || last === undefined) return 'nobody looked'
  const begun = last.sessions - middle.sessions
  const grown = last.mib - middle.mib
  const batches = last.batches - middle.batches
  const allowed = noiseMib + open * openSessionMib + begun * sessionMib + batches * batchMib
  if (grown <= allowed) return undefined
  return `${grown.toFixed(1)} MiB more in the second half, at most ${allowed.toFixed(1)} for ${begun} sessions and ${batches} batches`
}
