import { type Address, type Bytes32, referenceCrypto as crypto, toHex, uintToBytes } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { openAgreementBook } from './agreement-book.ts'
import { agreementTable } from './agreement-record.ts'

const somebody: Address = crypto.addressOf(new Uint8Array(32).fill(1))
const idOf = (number: number): Bytes32 => toHex(uintToBytes(BigInt(number)))
const customer: Address = crypto.addressOf(new Uint8Array(32).fill(2))
const nobody = { runs: () => false, isKnown: () => false, onRemoved: () => {} }
const record = {
  ...{ consumer: somebody, accountant: somebody, price: { perHour: 1n, perGib: 0n } },
  ...{ issued: [], invoicedTotal: 2n, paidTotal: 1n, paidAmount: 1n, creditedTotal: 0n },
}

test('a clock that jumps ahead, or back, forgets nobody', () => {
  const store = createMemoryStore()
  let nowMs = Date.parse('2026-11-21')
  const clock = { nowMs: () => nowMs, elapsedMs: () => 0 }
  const book = openAgreementBook({ store, clock }, nobody)
  book.put(idOf(1), record)
  for (const jumpMs of [400 * 86_400_000, -800 * 86_400_000]) {
    nowMs += jumpMs
    book.put(idOf(2), record)
    expect(openAgreementBook({ store, clock }, nobody).get(idOf(1))).toBeDefined()
  }
})

test('the oldest goes where there are too many, unless it runs', () => {
  const store = createMemoryStore()
  const clock = { nowMs: () => 5, elapsedMs: () => 0 }
  const book = openAgreementBook({ store, clock }, { ...nobody, runs: (id) => id === idOf(0) })
  for (let number = 0; number <= 10_001; number++) book.put(idOf(number), record)
  expect([book.get(idOf(0)), book.get(idOf(1)), book.get(idOf(2))].map((row) => row !== undefined)).toEqual([
    true,
    false,
    false,
  ])
  expect(agreementTable.load(store).size).toBe(10_000)
})

test('what goes is told, whether it was done or pushed out', () => {
  const gone: Bytes32[] = []
  const deps = { store: createMemoryStore(), clock: { nowMs: () => 5, elapsedMs: () => 0 } }
  const book = openAgreementBook(deps, { ...nobody, onRemoved: (id) => gone.push(id) })
  for (let number = 0; number <= 10_000; number++) book.put(idOf(number), record)
  expect(gone).toEqual([idOf(0)])
  book.remove(idOf(7))
  book.remove(idOf(7))
  expect(gone).toEqual([idOf(0), idOf(7)])
})

test('strangers push out nobody who has paid', () => {
  const store = createMemoryStore()
  const clock = { nowMs: () => 5, elapsedMs: () => 0 }
  const book = openAgreementBook({ store, clock }, { ...nobody, isKnown: (consumer) => consumer === customer })
  book.put(idOf(0), { ...record, consumer: customer })
  for (let number = 1; number <= 10_001; number++) book.put(idOf(number), record)
  expect([0, 1, 2, 3].map((number) => book.get(idOf(number)) !== undefined)).toEqual([true, false, false, true])
})
