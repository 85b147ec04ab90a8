import { expect, test } from 'vitest'
import { unguaranteed, watchAllowance } from './allowance.ts'

const owed = (unsettled: bigint, guaranteed = 0n, settled: bigint | undefined = 0n) => ({
  unsettled,
  guaranteed,
  settled,
})

test('what is guaranteed, and what nobody has looked up yet, is not counted', () => {
  expect(unguaranteed([])).toBe(0n)
  expect(unguaranteed([owed(10n, 4n), owed(5n, 5n), owed(1n, 9n)])).toBe(6n)
  expect(unguaranteed([{ unsettled: 99n, guaranteed: 0n, settled: undefined }, owed(3n)])).toBe(3n)
})

test('above the allowance nothing more is earned until it is settled, and each change is said once', () => {
  let elapsedMs = 0
  let earnings = [owed(5n)]
  const said: string[] = []
  const clock = { nowMs: () => 0, elapsedMs: () => elapsedMs }
  const mayEarn = watchAllowance({ earnings: () => earnings, clock, log: (line) => said.push(line) }, 5n)
  const later = () => {
    elapsedMs += 1_000
    return mayEarn()
  }
  expect([mayEarn(), later()]).toEqual([true, true])
  earnings = [owed(4n), owed(2n)]
  expect(mayEarn()).toBe(true)
  expect([later(), later()]).toEqual([false, false])
  earnings = [owed(0n)]
  expect([later(), later()]).toEqual([true, true])
  expect(said).toEqual([expect.stringContaining('serves nobody'), expect.stringContaining('serves again')])
})
