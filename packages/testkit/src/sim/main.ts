/**
 * `./dev sim`: plays many seeded worlds, and says what broke.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { replay, simulate } from './report.ts'

const usage = `./dev sim [--runs N] [--seed S] [--threads T] [--planted-runs N] [--json]
./dev sim --replay SEED     one run, aloud`

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
      json: { type: 'boolean', default: false },
    },
  })
  const numbers = [values.runs, values.seed, values.threads, values['planted-runs'], values.replay ?? '0'].map(Number)
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) throw new TypeError('not a number')
  const [runs, seed, threads, plantedRuns, again] = numbers as [number, number, number, number, number]
  const show = (value: unknown) => console.log(JSON.stringify(value, asText, values.json ? undefined : 2))
  if (values.replay !== undefined) {
    const result = await replay(again, (line) => console.error(line))
    show(result)
    return result.violations.length === 0 ? 0 : 1
  }
  const report = await simulate({ runs, seed, threads, plantedRuns, say: (line) => console.error(line) })
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
