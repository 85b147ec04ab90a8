/**
 * Vitest reporter that counts, and asks of every skipped test why.
 *
 * The reason is the note of `ctx.skip('why')`, else what a skipped test or group says in parentheses at the end of its
 * name, as in `describe.skipIf(!root)('lab (not root)')`. The counts go as JSON to the file in MYST_TEST_REPORT.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

export interface TestReport {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly SkippedTest[]
}

export interface SkippedTest {
  readonly test: string
  readonly why: string
}

export const unknownReason = 'no reason given'

export function countTests(modules: readonly TestModule[], unhandledErrors: number): TestReport {
  let passed = 0
  // A file that doesn't load, a hook that throws and an error that nobody caught are failures of no test in particular.
  let failed = unhandledErrors
  const skipped: SkippedTest[] = []
  for (const module of modules) {
    let failedHere = 0
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      if (state === 'passed') passed += 1
      else if (state === 'skipped') skipped.push({ test: nameOf(module, test), why: reasonOf(test) })
      else failedHere += 1
    }
    failed += failedHere === 0 && module.state() === 'failed' ? 1 : failedHere
  }
  return { passed, failed, skipped }
}

const nameOf = (module: TestModule, test: TestCase): string => `${module.relativeModuleId} > ${test.fullName}`

function reasonOf(test: TestCase): string {
  const result = test.result()
  if (result.state === 'skipped' && result.note !== undefined && result.note !== '') return result.note
  let named: TestCase['parent'] | TestCase = test
  while (named.type !== 'module') {
    const inParentheses = /\(([^()]+)\)$/.exec(named.name)?.[1]
    if (inParentheses !== undefined) return inParentheses
    named = named.parent
  }
  return unknownReason
}

export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const path = process.env.MYST_TEST_REPORT
    if (path !== undefined) writeFileSync(path, JSON.stringify(countTests(modules, unhandledErrors.length)))
  }
}
