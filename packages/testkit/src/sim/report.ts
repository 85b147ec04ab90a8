/**
 * Many runs over threads, and what they come to.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import { type Losses, type LossLine, noLosses } from './judge.ts'
import { mistakes, type PlantedMistake } from './mistakes.ts'
import type { RunResult } from './run.ts'
import type { Work, WorkResult } from './worker.ts'

export interface SimReport {
  readonly runs: number
  readonly steps: number
  readonly promises: number
  readonly violations: number
  readonly failures: readonly Failure[]
  readonly maxLoss: Losses
  readonly bounds: Losses
  readonly planted: number
  readonly plantedCaught: number
  /** Which stayed unseen. */
  readonly plantedMissed: readonly string[]
  readonly stepsPerSecond: number
  readonly seconds: number
}

export interface Failure {
  readonly seed: number
  readonly rule: string
  readonly what: string
  readonly replay: string
}

export interface SimOptions {
  readonly runs: number
  readonly seed: number
  readonly threads: number
  /** Each mistake has so many runs to be seen in; 0: none is planted. */
  readonly plantedRuns: number
  readonly say: (line: string) => void
}

/** A failure is enough to work on; more say the same. */
const maxFailures = 20
/** Long enough that an hour's runs stay readable, short enough to see that they go on. */
const tellEveryMs = 10_000
/** Most of what a world leaves behind is collected while it is young. */
const maxYoungGenerationSizeMb = 64

export const replayOf = (seed: number): string => `./dev sim --replay ${seed} --shrink`

export async function simulate({ runs, seed, threads, plantedRuns, say }: SimOptions): Promise<SimReport> {
  const startedMs = performance.now()
  let done = 0
  let steps = 0
  let promises = 0
  let violations = 0
  let maxLoss = noLosses
  let bounds = noLosses
  const failures: Failure[] = []
  let toldMs = startedMs

  function take(result: RunResult): void {
    done += 1
    steps += result.steps
    promises += result.promises
    violations += result.violations.length
    maxLoss = mostOf(maxLoss, result.losses)
    bounds = mostOf(bounds, result.bounds)
    const [first] = result.violations
    if (first !== undefined && failures.length < maxFailures) {
      const failure = { seed: result.seed, rule: first.rule, what: first.what, replay: replayOf(result.seed) }
      failures.push(failure)
      say(`${failure.rule}: ${failure.what}\n  ${failure.replay}`)
    }
    if (performance.now() < toldMs + tellEveryMs) return
    toldMs = performance.now()
    say(`${done} of ${runs} runs, ${steps} steps, ${violations} violations`)
  }

  await Promise.all(sharesOf(seed, runs, threads).map((seeds) => playIn({ seeds }, take)))
  const seconds = (performance.now() - startedMs) / 1000

  const planted = plantedRuns === 0 ? [] : mistakes
  const caught = await seekAll(planted, { seedOf: () => seed, runs: plantedRuns, threads, say })
  const missed = planted.map(({ name }) => name).filter((name) => !caught.has(name))
  return {
    runs: done,
    steps,
    promises,
    violations,
    failures,
    maxLoss,
    bounds,
    planted: planted.length,
    plantedCaught: planted.length - missed.length,
    plantedMissed: missed,
    stepsPerSecond: Math.round(steps / seconds),
    seconds: Math.round(seconds * 10) / 10,
  }
}

export interface Caught {
  /** So many runs were played. */
  readonly run: number
  readonly seed: number
  readonly rule: string
}

export interface SeekOptions {
  /** The first seed. */
  readonly seedOf: (mistake: PlantedMistake) => number
  /** Each mistake has so many runs to be seen in. */
  readonly runs: number
  readonly threads: number
  readonly say: (line: string) => void
}

/** Plays on with each mistake until it is seen. @returns those that were, by name. */
export async function seekAll(
  planted: readonly PlantedMistake[],
  { seedOf, runs, threads, say }: SeekOptions,
): Promise<ReadonlyMap<string, Caught>> {
  const caught = new Map<string, Caught>()
  await inParallel(threads, planted, async (mistake) => {
    const found = await seek(mistake, seedOf(mistake), runs)
    if (found !== undefined) caught.set(mistake.name, found)
    const how = found === undefined ? 'MISSED' : `caught in run ${found.run}, ${found.rule}`
    say(`${mistake.name} ${how}: ${mistake.what}`)
  })
  // The same stories without the mistakes must be clean: else it was not the mistake that was seen.
  const seen = planted.filter(({ name }) => caught.has(name))
  const seeds = seen.map(({ name }) => (caught.get(name) as Caught).seed)
  let index = 0
  await playIn({ seeds, wishes: seen.map(({ story }) => story) }, ({ violations }) => {
    const { name } = seen[index++] as PlantedMistake
    if (violations.length === 0) return
    caught.delete(name)
    say(`${name} MISSED: its story breaks a rule without it, too`)
  })
  return caught
}

async function seek(mistake: PlantedMistake, seed: number, runs: number): Promise<Caught | undefined> {
  let run = 0
  let caught: Caught | undefined
  const seeds = Array.from({ length: runs }, (_, index) => seed + index)
  await playIn({ seeds, mistake, untilCaught: true }, ({ seed, violations: [first] }) => {
    run += 1
    if (first !== undefined) caught ??= { run, seed, rule: first.rule }
  })
  return caught
}

/**
 * Plays one run aloud.
 *
 * @param more looks for the smallest story first; plants a mistake.
 */
export async function replay(
  seed: number,
  say: (line: string) => void,
  more: Pick<Work, 'shrinks' | 'mistake'> = {},
): Promise<RunResult> {
  let result: RunResult | undefined
  const take = ({ heap: _, cpuSeconds: __, ...of }: WorkResult) => {
    result = of
  }
  await playIn({ seeds: [seed], loud: true, ...more }, take, say)
  return result as RunResult
}

export function playIn(work: Work, take: (result: WorkResult) => void, say?: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: work,
      resourceLimits: { maxYoungGenerationSizeMb },
    })
    worker.on('message', (of: WorkResult | string) => (typeof of === 'string' ? say?.(of) : take(of)))
    worker.on('error', reject)
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))))
  })
}

/** A thread keeps its share to the end: the first hundred worlds of a thread cost twice as much as later ones. */
function sharesOf(seed: number, runs: number, threads: number): number[][] {
  const seeds = Array.from({ length: runs }, (_, index) => seed + index)
  return Array.from({ length: threads }, (_, thread) => seeds.filter((_, index) => index % threads === thread))
}

export async function inParallel<T>(threads: number, work: readonly T[], of: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...work]
  await Promise.all(
    Array.from({ length: threads }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await of(next)
    }),
  )
}

export function mostOf(a: Losses, b: Losses): Losses {
  const lines = Object.keys(a) as LossLine[]
  return Object.fromEntries(lines.map((line) => [line, a[line] > b[line] ? a[line] : b[line]])) as unknown as Losses
}
