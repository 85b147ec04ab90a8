import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@myst/protocol'
import { expect, test } from 'vitest'
import { exitCodeOf, explain, faultAdvice } from './fault-advice.ts'

const packages = join(import.meta.dirname, '../..')
/** What ends in front of a person: the node with its programs, and the deployment that one of them carries out. */
const sources = ['node/src/**/*.ts', 'chain/src/deployment/*.ts']

/** Faults that reach another node or the log, and no person. */
const betweenNodes = new Set([
  'message-invalid',
  'punch-already-started',
  'punch-not-started',
  'session-already-open',
  'session-unknown',
])

test('every fault that a node or a deployment throws has its advice', () => {
  const files = globSync(sources, { cwd: packages }).filter((path) => !/\.(test|fixture)\.ts$/.test(path))
  const codes = files.flatMap((path) =>
    [...readFileSync(join(packages, path), 'utf8').matchAll(/new Fault\(\s*'([a-z-]+)'/g)].map(
      ([, code]) => code ?? '',
    ),
  )
  expect(codes.length).toBeGreaterThan(20)
  expect(codes.filter((code) => !(code in faultAdvice) && !betweenNodes.has(code))).toEqual([])
})

test('says amounts in MYST, as bigint and after JSON', () => {
  const what = 'There are 0 MYST left, and a session needs 0.06 MYST at least.'
  expect(explain(new Fault('balance-too-low', { left: 0n, needed: 6n * 10n ** 16n })).what).toBe(what)
  expect(explain(new Fault('balance-too-low', { left: '0', needed: '60000000000000000' })).what).toBe(what)
})

test('keeps code and facts of a fault it does not know', () => {
  const unknown = new Fault('moon-missing', { phase: 3 })
  expect(explain(unknown)).toEqual({ status: 500, what: 'moon-missing phase=3', todo: '' })
  expect(explain(new Fault('toString')).what).toBe('toString')
})

test.each([
  ['balance-too-low', 1],
  ['no-provider-found', 1],
  ['internal', 1],
  ['moon-missing', 1],
  ['country-invalid', 2],
  ['request-invalid', 2],
  ['node-unreachable', 3],
  ['chain-unreachable', 3],
  ['moon-unreachable', 3],
])('%s ends a program with %i', (code, exitCode) => {
  expect(exitCodeOf(new Fault(code))).toBe(exitCode)
})
