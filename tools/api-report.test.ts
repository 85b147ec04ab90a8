import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderReports, reported, reportPath } from './api-report.ts'

test('docs/api says what the code exports (write it anew with: ./dev run node tools/api-report.ts)', () => {
  const reports = renderReports()
  for (const name of reported) {
    expect(reports.get(name), name).toMatch(/export (declare|interface|type)/)
    expect(readFileSync(reportPath(name), 'utf8'), name).toBe(reports.get(name))
  }
})
