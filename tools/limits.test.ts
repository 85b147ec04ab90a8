import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderLimits } from './limits.ts'

test('docs/limits.md is what the code says (write it anew with: ./dev run node tools/limits.ts)', () => {
  expect(readFileSync(new URL('../docs/limits.md', import.meta.url), 'utf8')).toBe(renderLimits())
})

test('no bound is without a reason', () => {
  const rows = renderLimits().split('\n')
  expect(rows.filter((row) => row.startsWith('| `') && row.endsWith('|  |'))).toEqual([])
})
