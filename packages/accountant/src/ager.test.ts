import { type Address, Fault, toHex, uintToBytes } from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { bob } from '@myst/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Ager, createAger } from './ager.ts'
import { type Ledger, maxAgeStepMs } from './ledger/index.ts'
import { commandOf, item, lockOf, openTestLedger, preimageOf, reveal } from './ledger/testing.ts'

let nowMs: number
let ledger: Ledger
let ager: Ager
let faults: string[]
let full: boolean
beforeEach(async () => {
  nowMs = 5_000
  faults = []
  full = false
  const disk = createMemoryLedgerStore()
  const store: LedgerStore = {
    ...disk,
    append(next) {
      if (full) throw new Fault('store-full')
      return disk.append(next)
    },
  }
  ledger = await openTestLedger(store)
  ager = createAger(
    { ledger, elapsedMs: () => nowMs, onFault: (fault) => faults.push(fault.code) },
    { everyMs: 3_600_000 },
  )
})
afterEach(() => ager.close())

const passed = () => ledger.get('clock', 'all')?.observedMs ?? 0n
async function round(afterMs: number): Promise<bigint> {
  nowMs += afterMs
  const before = passed()
  await ager.round()
  return passed() - before
}

test('tells what passed, and of a clock that jumps no more than one step', async () => {
  expect(await round(600_000)).toBe(600_000n)
  expect(await round(365 * 86_400_000)).toBe(BigInt(maxAgeStepMs))
  expect(await round(-365 * 86_400_000)).toBe(0n)
  expect(await round(1.5)).toBe(1n)
})

test('what it could not tell, it tells with the next round', async () => {
  full = true
  expect(await round(400_000)).toBe(0n)
  full = false
  expect(await round(400_000)).toBe(800_000n)
  expect(faults).toEqual(['ledger-stopped'])
})

test('forgets all that is too old, more than fits one command, and counts what is left', async () => {
  const consumers = Array.from({ length: 600 }, (_, index) => toHex(uintToBytes(BigInt(index + 1), 20)) as Address)
  const lock = lockOf(bob.identity, 1n)
  const items = consumers.map((consumer) => item({ consumer, provider: bob.identity, amount: 10n, lock }))
  await ledger.apply(commandOf({ provider: bob.identity, epoch: 1n, hashlock: lock, previousAmount: 0n, items }))
  await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
  await round(0)
  expect([ager.agreements, ager.locks, ager.forgotten]).toEqual([600, 1, 0])
  const steps = Math.ceil((30 * 86_400_000) / maxAgeStepMs)
  for (let step = 0; step < steps; step++) {
    expect(ager.forgotten).toBe(0)
    await round(maxAgeStepMs)
  }
  await round(0)
  expect(ager.forgotten).toBe(601)
  expect([[...ledger.entries('agreements')].length, [...ledger.entries('locks')].length]).toEqual([0, 0])
}, 60_000)
