/**
 * A thread that plays runs: its timers are the world's, and its sources may have a mistake planted in them.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { PlantedMistake } from './mistakes.ts'
import type { RunOptions, RunResult } from './run.ts'
import { shrink, storyLines } from './shrink.ts'
import { type HeapLook, heapMib, hourMs, type Soak, soakStory } from './soak-story.ts'
import type { Story } from './story.ts'
import { takeOverTimers } from './virtual-time.ts'

export interface Work {
  readonly seeds: readonly number[]
  /** For each seed what its story must have. */
  readonly wishes?: readonly PlantedMistake['story'][]
  readonly mistake?: PlantedMistake
  /** Stops at the first run with a violation. */
  readonly untilCaught?: boolean
  /** Looks for the smallest story of each seed that breaks the same rule, and plays that. */
  readonly shrinks?: boolean
  /** Every line that the parties log. */
  readonly loud?: boolean
  /** A long quiet day instead of the drawn story. */
  readonly soak?: Soak
}

export interface WorkResult extends RunResult {
  /** In a soak, from before its first step on. */
  readonly heap: readonly HeapLook[]
  /** Of this thread, without waiting for a core. */
  readonly cpuSeconds: number
}

const { seeds, wishes, mistake, untilCaught, shrinks, loud, soak } = workerData as Work

if (mistake !== undefined) {
  let planted = 0
  registerHooks({
    load(url, context, nextLoad) {
      const edits = mistake.edits.filter(({ file }) => url.endsWith(`/${file}`))
      if (edits.length === 0) return nextLoad(url, context)
      let source = readFileSync(new URL(url), 'utf8')
      for (const { file, find, put } of edits) {
        const parts = source.split(find)
        if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`)
        source = parts.join(put)
        planted += 1
      }
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
  process.on('exit', () => {
    if (planted !== mistake.edits.length) throw new Error(`${mistake.name} was not planted`)
  })
}

let fallen: unknown
process.on('unhandledRejection', (cause) => {
  fallen ??= cause
})

const { playRun } = await import('./run.ts')
takeOverTimers()
// A fault's stack is read by nobody but who replays a run, and costs as much as the fault's way.
if (!loud) Error.stackTraceLimit = 0

const tell = (line: string) => parentPort?.postMessage(line)

async function play(seed: number, options: RunOptions): Promise<RunResult> {
  fallen = undefined
  const result = await playRun(seed, options)
  if (fallen === undefined) return result
  const what = fallen instanceof Error ? (fallen.stack ?? fallen.message) : String(fallen)
  return { ...result, violations: [...result.violations, { rule: 'bug', what, atMs: 0 }] }
}

/** What the smallest story is that breaks the rule that this one breaks. */
async function smallest(seed: number, options: RunOptions): Promise<RunOptions> {
  let drawn: Story | undefined
  const note = (story: Story) => {
    drawn = story
    return story
  }
  const [first] = (await play(seed, { ...options, change: note })).violations
  if (first === undefined || drawn === undefined) return options
  tell(`${first.rule}: ${first.what}`)
  const breaks = async (story: Story) => {
    const { violations } = await play(seed, { ...options, change: () => story })
    return violations.some(({ rule }) => rule === first.rule)
  }
  const least = await shrink(drawn, breaks, tell)
  for (const line of storyLines(least)) tell(`  ${line}`)
  return { ...options, change: () => least }
}

for (const [index, seed] of seeds.entries()) {
  const heap: HeapLook[] = []
  const look = (done: Omit<HeapLook, 'mib'>) => {
    heap.push({ ...done, mib: heapMib() })
    const hours = ((heap.length - 1) * (soak?.lookEveryMs ?? 0)) / hourMs
    if (hours > 0) tell(`world ${seed}: ${hours.toFixed(1)} of ${soak?.hours} hours, ${done.sessions} sessions so far`)
  }
  if (soak !== undefined) look({ sessions: 0, batches: 0 })
  const drawn: RunOptions = {
    ...(wishes?.[index] ?? mistake?.story),
    ...(soak && { story: soakStory(soak), watch: { everyMs: soak.lookEveryMs, look } }),
  }
  const options = shrinks ? await smallest(seed, drawn) : drawn
  const result = await play(seed, { ...options, ...(loud ? { log: tell } : {}) })
  const { user, system } = process.threadCpuUsage()
  parentPort?.postMessage({ ...result, heap, cpuSeconds: (user + system) / 1e6 } satisfies WorkResult)
  if (untilCaught && result.violations.length > 0) break
}
