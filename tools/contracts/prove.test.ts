import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { proveContracts } from './prove.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test('every assertion of the proofs is proved', { timeout: 120_000 }, ({ skip }) => {
  const report = proveContracts()
  const [skipped] = report.skipped
  if (skipped !== undefined) skip(skipped.why)
  expect(report.unproved).toEqual([])
  expect(report.proved.length).toBeGreaterThanOrEqual(12)
})

/** A mistake in the books that the deployed contracts inherit, and the sentence that it makes false. */
const mistakes = [
  ['require(amount > before, PromiseNotIncreasing(before, amount));', '', 'settled of a channel only grows'],
  ['settled = before + paid;', 'settled = amount;', 'what a settlement books is what it pays'],
  ['payment = balance - liable;', 'payment = balance;', 'an exit leaves what is held'],
  ['        delete _exit;\n    }\n}', '    }\n}', 'an exit pays once'],
] as const

test.each(mistakes)('a mistake is not proved: %s → %s', { timeout: 120_000 }, (found, planted, what) => {
  const report = proveContracts((path) => {
    const source = read(path)
    if (!path.endsWith('/ChannelBooks.sol')) return source
    expect(source).toContain(found)
    return source.replace(found, planted)
  })
  if (report.skipped.length === 0) expect(report.unproved.map((entry) => entry.what)).toContain(what)
})
