/**
 * Test: everything CI runs, or the tests whose path matches.
 *
 *     node tools/test.ts [pattern …] [--long] [--json]
 *
 * Without a pattern: the checks, the contracts, then all of vitest. A pattern picks test files by their path; `contracts`
 * runs forge as well. `--long` sets MYST_LONG=1, for tests that know how to work longer. With `--json` stdout carries one
 * object, `{passed, failed, skipped: [{test, why}], seconds}`, and everything else goes to stderr.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './check.ts'
import { buildContracts, staleGenerated, testContracts } from './contracts.ts'
import type { TestReport } from './test-reporter.ts'

const root = join(import.meta.dirname, '..')

interface Options {
  readonly patterns: readonly string[]
  readonly long: boolean
  readonly json: boolean
}

function readOptions(args: readonly string[]): Options | undefined {
  const unknown = args.filter((arg) => arg.startsWith('-') && arg !== '--long' && arg !== '--json')
  if (unknown.length > 0) {
    console.error(`./dev test knows --long and --json, not ${unknown.join(' ')}`)
    return undefined
  }
  return {
    patterns: args.filter((arg) => !arg.startsWith('-')),
    long: args.includes('--long'),
    json: args.includes('--json'),
  }
}

function runAll({ patterns, long, json }: Options): TestReport {
  const say = json ? console.error : console.log
  const reports: TestReport[] = []
  if (patterns.length === 0) reports.push(failures(runChecks(say)))
  const contracts = patterns.length === 0 || patterns.includes('contracts')
  if (contracts) reports.push(runContracts(say, long))
  reports.push(runVitest({ patterns, long, json }, contracts))
  return {
    passed: reports.reduce((sum, { passed }) => sum + passed, 0),
    failed: reports.reduce((sum, { failed }) => sum + failed, 0),
    skipped: reports.flatMap(({ skipped }) => skipped),
  }
}

const failures = (names: readonly string[]): TestReport => ({ passed: 0, failed: names.length, skipped: [] })

function runContracts(say: (line: string) => void, long: boolean): TestReport {
  try {
    say('compiling the contracts …')
    buildContracts()
    const stale = staleGenerated()
    if (stale.length > 0) say(`FAILED contracts/generated is stale (${stale.join(', ')}): run ./dev contracts`)
    say("running forge's tests …")
    const report = testContracts({ long })
    say(`contracts: ${report.passed} passed, ${report.failed} failed, ${report.seconds} s`)
    return { ...report, failed: report.failed + (stale.length > 0 ? 1 : 0) }
  } catch (error) {
    say(`FAILED contracts: ${error instanceof Error ? error.message : error}`)
    return failures(['contracts'])
  }
}

function runVitest({ patterns, long, json }: Options, mayFindNone: boolean): TestReport {
  const dir = mkdtempSync(join(tmpdir(), 'myst-test-'))
  const reportPath = join(dir, 'report.json')
  const args = ['run', '--reporter=default', '--reporter=./tools/test-reporter.ts', ...patterns]
  try {
    const { status } = spawnSync(join(root, 'node_modules/.bin/vitest'), [...args, '--passWithNoTests'], {
      cwd: root,
      stdio: ['ignore', json ? 2 : 1, 2],
      env: {
        ...process.env,
        PATH: `${join(process.execPath, '..')}:${process.env.PATH ?? ''}`,
        MYST_TEST_REPORT: reportPath,
        ...(long ? { MYST_LONG: '1' } : {}),
      },
    })
    const report = readReport(reportPath)
    if (report === undefined) return failures(mayFindNone && status === 0 ? [] : ['vitest'])
    // A failure that no test shows, as a worker that died, must not pass.
    return status !== 0 && report.failed === 0 ? { ...report, failed: 1 } : report
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function readReport(path: string): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TestReport
  } catch {
    return undefined
  }
}

function main(args: readonly string[]): number {
  const options = readOptions(args)
  if (options === undefined) return 2
  const startedMs = performance.now()
  const { passed, failed, skipped } = runAll(options)
  const seconds = Math.round(performance.now() - startedMs) / 1000
  const say = options.json ? console.error : console.log
  for (const { test, why } of skipped) say(`skipped ${test}: ${why}`)
  if (passed + failed === 0) say('no test ran')
  say(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
  if (options.json) console.log(JSON.stringify({ passed, failed, skipped, seconds }))
  return failed === 0 && passed > 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
