import { expect, test } from 'vitest'
import { readSnapshot } from './frame/snapshot.ts'
import { bench } from './gas.ts'

const report = await bench.run(() => {})

test('every payment costs what the snapshot says', () => {
  expect(bench.figures?.(report), 'gas changed: if you meant it, run ./dev bench gas --update').toEqual(
    readSnapshot('gas'),
  )
})

test('and less than at the live network', () => {
  const { register, settle, collect } = report
  expect(register).toBeLessThan(report.toBeat.register)
  expect(settle).toBeLessThan(report.toBeat.settle)
  expect(collect).toBeLessThan(report.toBeat.collect)
})
