/**
 * Contracts: compile them, write their typed ABIs to `contracts/generated`, and show all that is claimed of them:
 * forge's tests and random players, the proofs, the planted mistakes, and that TypeScript hashes and verifies alike.
 *
 *     node tools/contracts.ts [--json] [--check] [--long]
 *
 * `--json` prints one JSON object on stdout, `{passed, failed, skipped, invariantCalls, proved, planted, plantedCaught,
 * differentialCases, vectors, seconds}`; progress goes to stderr. `--check` writes nothing and fails where the generated
 * files are not what the sources give. `--long` makes a million random calls and compares a million cases.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runDifferential } from './contracts/differential.ts'
import { runPlanted } from './contracts/planted.ts'
import { proveContracts } from './contracts/prove.ts'
import { vectorFiles } from './vectors.ts'

const root = join(import.meta.dirname, '..')
const generatedDir = join(root, 'contracts/generated')
const outDir = join(root, 'contracts/out')

/** A generated file and the contracts in it; each gives `<name>Abi`, `<name>Bytecode`, and what its deployed code is checked against. */
const modules = {
  'myst-token': [
    { contract: 'MystToken', name: 'mystToken' },
    { contract: 'TestMystToken', name: 'testMystToken' },
  ],
  registry: [{ contract: 'Registry', name: 'registry' }],
  'consumer-channel': [{ contract: 'ConsumerChannel', name: 'consumerChannel' }],
  accountant: [{ contract: 'Accountant', name: 'accountant' }],
} as const

export interface ContractTestReport {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly { readonly test: string; readonly why: string }[]
  /** Calls that random players made, each checked against what must always hold. */
  readonly invariantCalls: number
  readonly seconds: number
}

interface Artifact {
  readonly abi: readonly AbiEntry[]
  readonly bytecode: { readonly object: string }
  readonly deployedBytecode: {
    readonly object: string
    /** By numbers that change from one compilation to the next. */
    readonly immutableReferences?: Readonly<Record<string, readonly Reference[]>>
  }
}

interface Reference {
  readonly start: number
  readonly length: number
}

interface AbiEntry {
  readonly type: string
  readonly name?: string
}

interface ForgeSuite {
  readonly test_results: Record<string, ForgeResult>
}

interface ForgeResult {
  readonly status: string
  readonly reason?: string | null
  readonly kind: { readonly Invariant?: { readonly calls: number } }
}

/** A million calls, in runs that are long enough to close an accountant and to be punished twice. */
const longInvariants = { FOUNDRY_INVARIANT_RUNS: '2000', FOUNDRY_INVARIANT_DEPTH: '500' }

/** Compiles the contracts. Throws with the compiler's words where that fails. */
export function buildContracts(): void {
  const { status, output } = forge(['build', 'contracts/src'])
  if (status !== 0) throw new Error(`forge build failed\n${output}`)
}

/** What the generated files should hold now, by file name. Needs a build. */
export function renderGenerated(): Map<string, string> {
  const files = new Map<string, string>()
  for (const [file, contracts] of Object.entries(modules)) {
    const parts = contracts.map(({ contract, name }) => renderContract(contract, name))
    files.set(`${file}.ts`, [generatedNote, ...parts].join('\n'))
  }
  const doors = Object.keys(modules).map((file) => `export * from './${file}.ts'\n`)
  files.set('index.ts', [generatedNote, doors.join('')].join('\n'))
  return files
}

/** Names of generated files that differ from what the sources give, are missing, or have no source. */
export function staleGenerated(files: Map<string, string> = renderGenerated()): string[] {
  const found = existsSync(generatedDir) ? readdirSync(generatedDir) : []
  const surplus = found.filter((name) => !files.has(name))
  const different = [...files].filter(([name, text]) => {
    const path = join(generatedDir, name)
    return !existsSync(path) || readFileSync(path, 'utf8') !== text
  })
  return [...different.map(([name]) => name), ...surplus]
}

/** Writes the files that changed, and removes those that have no source. */
export function writeGenerated(files: Map<string, string> = renderGenerated()): string[] {
  mkdirSync(generatedDir, { recursive: true })
  const stale = staleGenerated(files)
  for (const name of stale) {
    const text = files.get(name)
    if (text === undefined) rmSync(join(generatedDir, name))
    else writeFileSync(join(generatedDir, name), text)
  }
  return stale
}

/** Runs forge's tests on the contracts as they were built last. Each failure is printed to stderr with its reason. */
export function testContracts({ long = false } = {}): ContractTestReport {
  const startedMs = performance.now()
  const { status, stdout, output } = forge(['test', '--json'], 'tests', long ? longInvariants : {})
  const suites = parseSuites(stdout)
  if (suites === undefined) throw new Error(`forge test failed\n${output}`)
  const skipped: { test: string; why: string }[] = []
  let passed = 0
  let failed = 0
  let invariantCalls = 0
  for (const [file, suite] of Object.entries(suites)) {
    for (const [name, result] of Object.entries(suite.test_results)) {
      invariantCalls += result.kind.Invariant?.calls ?? 0
      const test = `${file.replace(/^contracts\/test\//, '')} ${name}`
      if (result.status === 'Success') passed += 1
      else if (result.status === 'Skipped') skipped.push({ test, why: result.reason ?? 'skipped by the test' })
      else {
        failed += 1
        console.error(`FAIL ${test}: ${result.reason ?? 'no reason given'}`)
      }
    }
  }
  if (status !== 0 && failed === 0) throw new Error(`forge test failed\n${output}`)
  if (passed + failed === 0) throw new Error('forge found no tests')
  return { passed, failed, skipped, invariantCalls, seconds: Math.round(performance.now() - startedMs) / 1000 }
}

const generatedNote = '// Generated by `./dev contracts` from the Solidity sources; do not edit.\n'

function renderContract(contract: string, name: string): string {
  const { abi, bytecode, deployedBytecode } = readArtifact(contract)
  const entries = abi.map((entry) => `  ${JSON.stringify(entry)},\n`)
  return [
    `export const ${name}Abi = [\n${entries.join('')}] as const\n`,
    `export const ${name}Bytecode =\n  '${bytecode.object}' as const\n`,
    '/** With zeros where the immutables are. */',
    `export const ${name}DeployedBytecode =\n  '${deployedBytecode.object}' as const\n`,
    '/** For each immutable, the first bytes of the words in which the deployed code holds it. */',
    `export const ${name}Immutables = ${JSON.stringify(immutablesOf(deployedBytecode))} as const\n`,
  ].join('\n')
}

function immutablesOf({ immutableReferences = {} }: Artifact['deployedBytecode']): readonly (readonly number[])[] {
  const places = Object.values(immutableReferences).map((references) =>
    references.map(({ start }) => start).sort((a, b) => a - b),
  )
  return places.sort(([a = 0], [b = 0]) => a - b)
}

function readArtifact(contract: string): Artifact {
  return JSON.parse(readFileSync(join(outDir, `${contract}.sol`, `${contract}.json`), 'utf8')) as Artifact
}

function parseSuites(stdout: string): Record<string, ForgeSuite> | undefined {
  try {
    return JSON.parse(stdout) as Record<string, ForgeSuite>
  } catch {
    return undefined
  }
}

function forge(
  args: readonly string[],
  profile = 'default',
  settings: Readonly<Record<string, string>> = {},
): { status: number | null; stdout: string; output: string } {
  const bin = join(root, 'node_modules/.bin')
  const result = spawnSync(join(bin, 'forge'), args, {
    cwd: root,
    encoding: 'utf8',
    // The JSON report of a failed invariant holds its whole call sequence.
    maxBuffer: 256 * 1024 * 1024,
    env: {
      ...process.env,
      // The compiler wrapper is a Node script: it must find the Node that runs this one.
      PATH: `${join(process.execPath, '..')}:${bin}:${process.env.PATH ?? ''}`,
      FOUNDRY_CONFIG: join(root, 'contracts/foundry.toml'),
      FOUNDRY_PROFILE: profile,
      FOUNDRY_DISABLE_NIGHTLY_WARNING: '1',
      ...settings,
    },
  })
  if (result.error !== undefined) throw result.error
  return { status: result.status, stdout: result.stdout, output: `${result.stdout}\n${result.stderr}` }
}

/** All that is claimed of the contracts; every part that fails is said on stderr. */
async function showAll(long: boolean) {
  const startedMs = performance.now()
  const tests = testContracts({ long })
  console.error(`forge: ${tests.passed} passed, ${tests.failed} failed, ${tests.invariantCalls} random calls`)
  console.error('proving, some minutes …')
  const proofs = await proveContracts(undefined, { onProgress: console.error })
  for (const { what, said } of proofs.unproved) console.error(`UNPROVED ${what}: ${said}`)
  console.error('planting mistakes …')
  const planted = await runPlanted({ onProgress: console.error })
  for (const name of planted.missed) console.error(`MISSED ${name}`)
  const cases = long ? 1_000_000 : 10_000
  console.error(`comparing ${cases} cases with TypeScript …`)
  const differential = await runDifferential({
    cases,
    seed: Date.now() % 2 ** 31,
    onProgress: (done) => console.error(`${done} of ${cases}`),
  })
  for (const mismatch of differential.mismatches) console.error('MISMATCH', mismatch)
  return {
    passed: tests.passed,
    failed: tests.failed + proofs.unproved.length + planted.missed.length + differential.mismatches.length,
    skipped: [...tests.skipped, ...proofs.skipped],
    invariantCalls: tests.invariantCalls,
    proved: proofs.proved,
    planted: planted.planted,
    plantedCaught: planted.caught,
    differentialCases: differential.cases,
    vectors: Object.values(vectorFiles()).reduce((sum, { vectors }) => sum + vectors.length, 0),
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
  }
}

async function main(args: readonly string[]): Promise<number> {
  const known = ['--json', '--check', '--long']
  const unknown = args.filter((arg) => !known.includes(arg))
  if (unknown.length > 0) {
    console.error(`./dev contracts knows ${known.join(', ')}, not ${unknown.join(' ')}`)
    return 2
  }
  console.error('compiling the contracts …')
  buildContracts()
  if (args.includes('--check')) {
    const stale = staleGenerated()
    if (stale.length > 0) {
      console.error(`contracts/generated is stale: ${stale.join(', ')}. Run ./dev contracts and commit what it writes.`)
      return 1
    }
  } else {
    for (const name of writeGenerated()) console.error(`wrote contracts/generated/${name}`)
  }
  console.error("running forge's tests …")
  const report = await showAll(args.includes('--long'))
  if (args.includes('--json')) console.log(JSON.stringify(report))
  else for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(18)} ${describe(value)}`)
  return report.failed === 0 ? 0 : 1
}

const describe = (value: unknown): string =>
  Array.isArray(value)
    ? `${value.length}${value.map((entry) => `\n    ${typeof entry === 'string' ? entry : JSON.stringify(entry)}`).join('')}`
    : String(value)

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
