/**
 * Bench: measures, next to a goal and to what others need.
 *
 *     node bench/frame/main.ts                          lists the benchmarks
 *     node bench/frame/main.ts <name> [--json] [--update]
 *
 * With `--json` stdout carries one object and nothing else; progress always goes to stderr. `--update` rewrites the
 * benchmark's snapshot.
 *
 * @module
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import { writeSnapshot } from './snapshot.ts'

const dir = join(import.meta.dirname, '..')

const names = readdirSync(dir)
  .filter((file) => /^[a-z-]+\.ts$/.test(file))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort()

async function load(name: string): Promise<Benchmark> {
  return ((await import(join(dir, `${name}.ts`))) as { bench: Benchmark }).bench
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...more] = args.filter((arg) => !arg.startsWith('-'))
  const flags = args.filter((arg) => arg.startsWith('-'))
  const unknown = [...flags.filter((flag) => flag !== '--json' && flag !== '--update'), ...more]
  if (unknown.length > 0 || (name !== undefined && !names.includes(name))) {
    console.error(`./dev bench knows ${names.join(', ')}, --json and --update, not ${(unknown[0] ?? name) as string}`)
    return 2
  }
  if (name === undefined) {
    const rows = await Promise.all(names.map(async (known) => [`./dev bench ${known}`, (await load(known)).about]))
    console.log(rows.map(([command, about]) => `${command?.padEnd(20)} ${about}`).join('\n'))
    return 0
  }
  const bench = await load(name)
  const report = await bench.run((line) => console.error(line))
  if (flags.includes('--update')) {
    if (bench.figures === undefined) throw new Error(`${name} keeps no snapshot: its figures differ between machines`)
    writeSnapshot(name, bench.figures(report))
    console.error(`wrote bench/${name}.snapshot.json`)
  }
  console.log(flags.includes('--json') ? JSON.stringify(report) : bench.render(report))
  return 0
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}
