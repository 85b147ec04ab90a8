/**
 * Plants known mistakes into a copy of the contracts, one by one; the test that each one names must fail.
 *
 *     node tools/contracts/planted.ts [name …] [--all] [--json]
 *
 * The copies are compiled without the optimizer, so that a patch costs seconds, and lie in a temporary folder: nothing
 * here ever changes the sources. A patch whose text is no longer there, that does not compile, or whose test fails
 * without it or is not found, is an error and not a catch.
 *
 * @module
 */

import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Edit, type Plant, plants } from './plants.ts'
import { plantsBesides } from './plants-besides.ts'

const root = join(import.meta.dirname, '../..')
/** A compiler takes a core and half a gigabyte. */
const workers = 2

export interface PlantedReport {
  readonly planted: number
  readonly caught: number
  /** Names of those that no test saw. */
  readonly missed: readonly string[]
  readonly seconds: number
}

export interface PlantedOptions {
  /** Only these; where absent, those of the table of mistakes that were really made, and of the invariants. */
  readonly names?: readonly string[]
  /** Those besides too: about twice as long. */
  readonly all?: boolean
  readonly onProgress?: (line: string) => void
}

interface ForgeResult {
  readonly status: number | null
  readonly stdout: string
  readonly output: string
}

/** @throws where a plant cannot be judged. */
export async function runPlanted({
  names,
  all = false,
  onProgress = () => {},
}: PlantedOptions = {}): Promise<PlantedReport> {
  const startedMs = performance.now()
  const chosen = choose(names, all)
  const folder = mkdtempSync(join(tmpdir(), 'myst-planted-'))
  try {
    const first = join(folder, '0')
    await prepare(first, chosen)
    onProgress(`${chosen.length} plants; without them their tests pass`)
    const copies = [first]
    for (let i = 1; i < Math.min(workers, chosen.length); i += 1) {
      const copy = join(folder, String(i))
      cpSync(first, copy, { recursive: true, preserveTimestamps: true })
      copies.push(copy)
    }
    const missed: string[] = []
    const queue = [...chosen]
    const work = async (copy: string) => {
      for (let plant = queue.shift(); plant !== undefined; plant = queue.shift()) {
        const caught = await isCaught(copy, plant)
        if (!caught) missed.push(plant.name)
        onProgress(`${caught ? 'caught' : 'MISSED'} ${plant.name}: ${plant.mistake}`)
      }
    }
    await Promise.all(copies.map(work))
    const seconds = Math.round(performance.now() - startedMs) / 1000
    return { planted: chosen.length, caught: chosen.length - missed.length, missed, seconds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What stands in the way of planting: texts that are no longer in the sources, or not just once. */
export function stalePlants(chosen: readonly Plant[] = [...plants, ...plantsBesides], sources = root): string[] {
  return chosen.flatMap(({ name, edits }) =>
    edits.flatMap((edit) => {
      const places = readSource(sources, edit).split(edit.find).length - 1
      return places === 1 ? [] : [`${name}: its text stands ${places} times in ${edit.file}: ${edit.find}`]
    }),
  )
}

function choose(names: readonly string[] | undefined, all: boolean): readonly Plant[] {
  const known = [...plants, ...plantsBesides]
  if (names === undefined) return all ? known : plants
  const unknown = names.filter((name) => !known.some((plant) => plant.name === name))
  if (unknown.length > 0) throw new Error(`no plant is called ${unknown.join(', ')}`)
  return known.filter((plant) => names.includes(plant.name))
}

/** Copies what the tests need, compiles it, and runs the chosen tests on what is not planted. */
async function prepare(copy: string, chosen: readonly Plant[]): Promise<void> {
  mkdirSync(join(copy, 'node_modules/@openzeppelin'), { recursive: true })
  for (const part of ['contracts/src', 'contracts/test', 'vectors', 'node_modules/@openzeppelin/contracts']) {
    cpSync(join(root, part), join(copy, part), { recursive: true })
  }
  mkdirSync(join(copy, 'contracts/bin'))
  writeFileSync(join(copy, 'contracts/bin/solc'), compilerWrapper(), { mode: 0o755 })
  writeFileSync(join(copy, 'contracts/foundry.toml'), quickSettings())

  const stale = stalePlants(chosen, copy)
  if (stale.length > 0) throw new Error(stale.join('\n'))
  // All of it: afterwards a patch costs only what depends on it.
  await build(copy, 'without any plant', ['build'])
  const tests = [...new Set(chosen.map(({ caughtBy }) => caughtBy))]
  const verdicts = await Promise.all(split(tests).map((some) => runTests(copy, some)))
  for (const test of tests) {
    const verdict = verdicts.find((some) => some.has(test))?.get(test)
    if (verdict === undefined) throw new Error(`there is no test ${test}`)
    if (!verdict.passed) throw new Error(`${test} fails without any plant: ${verdict.reason}`)
  }
}

/** forge asks for the compiler's version at every call, and loading the compiler to say it takes half a second. */
function compilerWrapper(): string {
  const compiler = join(root, 'contracts/bin/solc')
  const version = execFileSync(process.execPath, [compiler, '--version'], { encoding: 'utf8' })
  return `#!/bin/sh
case "$*" in
  *--version*) printf '%s' '${version}' ;;
  *) exec '${process.execPath}' '${compiler}' "$@" ;;
esac
`
}

/** Invariants and tests apart: they are two runs that take as long as each other. */
function split(tests: readonly string[]): readonly (readonly string[])[] {
  const isLong = (test: string) => test.includes('.invariant_')
  return [tests.filter(isLong), tests.filter((test) => !isLong(test))].filter((some) => some.length > 0)
}

/** As `contracts/foundry.toml`, but one profile, no optimizer, and the tests deploy what it makes. */
function quickSettings(): string {
  const settings = readFileSync(join(root, 'contracts/foundry.toml'), 'utf8')
  const tests = settings.indexOf('[profile.tests]')
  const end = settings.indexOf('\n[', tests)
  if (tests < 0 || end < 0) throw new Error('contracts/foundry.toml has no profile for tests')
  return (settings.slice(0, tests) + settings.slice(end))
    .replace(/^optimizer = true$/m, 'optimizer = false')
    .replace(/^via_ir = true$/m, 'via_ir = false')
    .replace(
      '[profile.default]',
      `[profile.default]
code_size_limit = 1000000
fs_permissions = [{ access = 'read', path = 'contracts/out' }, { access = 'read', path = 'vectors' }]`,
    )
    .replace('[invariant]', '[invariant]\nshrink_run_limit = 0')
}

async function isCaught(copy: string, plant: Plant): Promise<boolean> {
  const originals = new Map<string, string>()
  try {
    for (const edit of plant.edits) {
      const source = readSource(copy, edit)
      if (!originals.has(edit.file)) originals.set(edit.file, source)
      writeFileSync(
        pathOf(copy, edit),
        source.replace(edit.find, () => edit.replace),
      )
    }
    await build(copy, `with ${plant.name}`)
    const verdict = (await runTests(copy, [plant.caughtBy])).get(plant.caughtBy)
    if (verdict === undefined) throw new Error(`there is no test ${plant.caughtBy}`)
    return !verdict.passed && verdict.reason.includes(plant.reason ?? '')
  } finally {
    for (const [file, source] of originals) writeFileSync(join(copy, 'contracts/src', file), source)
  }
}

const pathOf = (copy: string, { file }: Edit) => join(copy, 'contracts/src', file)
const readSource = (copy: string, edit: Edit) => readFileSync(pathOf(copy, edit), 'utf8')

async function build(copy: string, when: string, args = ['build', 'contracts/src']): Promise<void> {
  const { status, output } = await forge(copy, args)
  if (status !== 0) throw new Error(`the contracts do not compile ${when}\n${output}`)
}

interface Verdict {
  readonly passed: boolean
  readonly reason: string
}

/** @returns by `Contract.test_name`. */
async function runTests(copy: string, tests: readonly string[]): Promise<Map<string, Verdict>> {
  const parts = tests.map((test) => test.split('.'))
  const contracts = [...new Set(parts.map(([contract]) => contract))].join('|')
  const functions = [...new Set(parts.map(([, name]) => name))].join('|')
  const { stdout, output } = await forge(copy, [
    'test',
    '--json',
    '--match-contract',
    `^(${contracts})$`,
    '--match-test',
    `^(${functions})(\\(|$)`,
  ])
  const verdicts = new Map<string, Verdict>()
  for (const [suite, { test_results }] of Object.entries(parseSuites(stdout, output))) {
    for (const [signature, { status, reason }] of Object.entries(test_results)) {
      const test = `${suite.split(':')[1]}.${signature.split('(')[0]}`
      verdicts.set(test, { passed: status === 'Success', reason: reason ?? '' })
    }
  }
  return verdicts
}

type Suites = Record<string, { test_results: Record<string, { status: string; reason?: string | null }> }>

function parseSuites(stdout: string, output: string): Suites {
  try {
    return JSON.parse(stdout) as Suites
  } catch (cause) {
    throw new Error(`forge test failed\n${output}`, { cause })
  }
}

function forge(copy: string, args: readonly string[]): Promise<ForgeResult> {
  const bin = join(root, 'node_modules/.bin')
  const child = spawn(join(bin, 'forge'), args, {
    cwd: copy,
    env: {
      ...process.env,
      PATH: `${join(process.execPath, '..')}:${bin}:${process.env.PATH ?? ''}`,
      FOUNDRY_CONFIG: join(copy, 'contracts/foundry.toml'),
      FOUNDRY_PROFILE: 'default',
      FOUNDRY_DISABLE_NIGHTLY_WARNING: '1',
    },
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => {
      const said = Buffer.concat(stdout).toString()
      resolve({ status, stdout: said, output: `${said}\n${Buffer.concat(stderr).toString()}` })
    })
  })
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { all: { type: 'boolean' }, json: { type: 'boolean' } },
    allowPositionals: true,
  })
  const report = await runPlanted({
    ...(positionals.length > 0 ? { names: positionals } : {}),
    all: values.all === true,
    onProgress: (line) => console.error(line),
  })
  if (values.json === true) console.log(JSON.stringify(report))
  else console.log(`planted: ${report.caught} of ${report.planted} caught, ${report.seconds} s`)
  return report.missed.length === 0 ? 0 : 1
}

if (import.meta.main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
