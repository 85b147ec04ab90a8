import { type Address, toHex, uintToBytes } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { expect, test } from 'vitest'
import { openConsumerBook } from './consumer-book.ts'

const consumer = (number: number): Address => toHex(uintToBytes(BigInt(number), 20))

test('strangers push out strangers, and nobody who has paid', () => {
  const book = openConsumerBook(createMemoryStore())
  book.note(consumer(0), { credited: true })
  for (let number = 1; number <= 20_001; number++) book.note(consumer(number), { leftUnpaid: true })
  expect(book.get(consumer(0)).credited).toBe(true)
  expect([1, 2, 3].map((number) => book.get(consumer(number)).leftUnpaid)).toEqual([false, false, true])
})
