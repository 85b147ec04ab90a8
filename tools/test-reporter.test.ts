import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TestReport } from './test-reporter.ts'

const root = join(import.meta.dirname, '..')
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-reporter-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Runs vitest on one file with the reporter, as `./dev test` does. */
function report(text: string): TestReport {
  writeFileSync(join(dir, 'sample.test.js'), text)
  const path = join(dir, 'report.json')
  const reporter = `--reporter=${join(import.meta.dirname, 'test-reporter.ts')}`
  writeFileSync(join(dir, 'vitest.config.js'), 'export default {}')
  const args = ['run', '--root', dir, '--globals', reporter]
  const { stderr } = spawnSync(join(root, 'node_modules/.bin/vitest'), args, {
    encoding: 'utf8',
    env: { ...process.env, MYST_TEST_REPORT: path },
  })
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TestReport
  } catch (cause) {
    throw new Error(stderr, { cause })
  }
}

test('counts, and asks of every skipped test why', () => {
  const counted = report(`
    test('passes', () => {})
    test.each([1, 2])('passes %i', () => {})
    test.each([1, 2])('fails %i', () => { throw new Error('planted') })
    test('knows why', (ctx) => ctx.skip('no root'))
    test.skipIf(true)('says so in its name (needs a tunnel)', () => {})
    describe.skipIf(true)('a lab (no namespaces)', () => { test('inside', () => {}) })
    test.skip('says nothing', () => {})
  `)
  expect(counted).toEqual({
    passed: 3,
    failed: 2,
    skipped: [
      { test: 'sample.test.js > knows why', why: 'no root' },
      { test: 'sample.test.js > says so in its name (needs a tunnel)', why: 'needs a tunnel' },
      { test: 'sample.test.js > a lab (no namespaces) > inside', why: 'no namespaces' },
      { test: 'sample.test.js > says nothing', why: 'no reason given' },
    ],
  })
})

test.each([
  ['a file that does not load', `throw new Error('planted')`],
  ['a hook that throws', `beforeAll(() => { throw new Error('planted') }); test('passes', () => {})`],
  ['an error that nobody caught', `test('passes', () => { Promise.reject(new Error('planted')) })`],
])('counts as a failure: %s', (_, text) => expect(report(text).failed).toBe(1))
