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
import { type HeapLook, heapMib, type Soak, soakStory } from './soak-story.ts'
import { takeOverTimers } from './virtual-time.ts'

export interface Work {
  readonly seeds: readonly number[]
  readonly mistake?: PlantedMistake
  /** Stops at the first run with a violation. */
  readonly untilCaught?: boolean
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

const { seeds, mistake, untilCaught, loud, soak } = workerData as Work

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

for (const seed of seeds) {
  fallen = undefined
  const heap: HeapLook[] = []
  const look = (done: Omit<HeapLook, 'mib'>) => void heap.push({ ...done, mib: heapMib() })
  if (soak !== undefined) look({ sessions: 0, batches: 0 })
  const watched: RunOptions | undefined = soak && { story: soakStory(soak), watch: { everyMs: soak.lookEveryMs, look } }
  const result = await playRun(seed, {
    ...mistake?.story,
    ...watched,
    ...(loud ? { log: (line: string) => parentPort?.postMessage(line) } : {}),
  })
  const violations = [...result.violations]
  if (fallen !== undefined) {
    const what = fallen instanceof Error ? (fallen.stack ?? fallen.message) : String(fallen)
    violations.push({ rule: 'bug', what, atMs: 0 })
  }
  const { user, system } = process.threadCpuUsage()
  parentPort?.postMessage({ ...result, violations, heap, cpuSeconds: (user + system) / 1e6 } satisfies WorkResult)
  if (untilCaught && violations.length > 0) break
}
