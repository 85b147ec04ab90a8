/**
 * `./dev sim`: plays many seeded worlds, and says what broke.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { replay, simulate } from './report.ts'
import { soak } from './soak.ts'

const usage = `./dev sim [--runs N] [--seed S] [--threads T] [--planted-runs N] [--json]
./dev sim --replay SEED     one run, aloud; with --shrink the smallest one that breaks the same rule
./dev sim --soak [--sessions N] [--hours H] [--seed S] [--threads T] [--json]     a long quiet day`

type Numbers = [number, number, number, number, number, number, number]

const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: '2' },
      'planted-runs': { type: 'string', default: '200' },
      replay: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      sessions: { type: 'string', default: '1000' },
      hours: { type: 'string', default: '24' },
      json: { type: 'boolean', default: false },
    },
  })
  const given = [values.runs, values.seed, values.threads, values['planted-runs'], values.replay ?? '0']
  const numbers = [...given, values.sessions, values.hours].map(Number)
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) throw new TypeError('not a number')
  const [runs, seed, threads, plantedRuns, again, sessions, hours] = numbers as Numbers
  const show = (value: unknown) => console.log(JSON.stringify(value, asText, values.json ? undefined : 2))
  if (values.replay !== undefined) {
    const result = await replay(again, (line) => console.error(line), { shrinks: values.shrink })
    show(result)
    return result.violations.length === 0 ? 0 : 1
  }
  const say = (line: string) => console.error(line)
  if (values.soak) {
    if (sessions < threads || threads < 1 || hours < 1)
      throw new TypeError('a soak has a session for each thread, and an hour')
    const report = await soak({ sessions, hours, seed, threads, say })
    show(report)
    return report.violations === 0 ? 0 : 1
  }
  const report = await simulate({ runs, seed, threads, plantedRuns, say })
  show(report)
  return report.violations === 0 && report.plantedMissed.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (cause) {
  if (!(cause instanceof TypeError)) throw cause
  console.error(`${cause.message}\n${usage}`)
  process.exitCode = 2
}
