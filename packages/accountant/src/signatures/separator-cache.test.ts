import { type Address, toHex, uintToBytes } from '@myst/protocol'
import { expect, test } from 'vitest'
import { cacheSeparators } from './separator-cache.ts'

const addressOf = (number: number): Address => toHex(uintToBytes(BigInt(number), 20))
/** Shares its place with `number`. */
const neighbourOf = (number: number): Address => addressOf(number + (1 << 24))
const separator = (consumer: Address) => uintToBytes(BigInt(consumer) + 7n)

test('computes once, and gives each consumer its own', () => {
  const computed: Address[] = []
  const separatorOf = cacheSeparators((consumer) => {
    computed.push(consumer)
    return separator(consumer)
  })
  const consumers = [1, 2, 255, 256, 65_536, 131_071].map(addressOf)
  for (let round = 0; round < 2; round++) {
    for (const consumer of consumers) expect(separatorOf(consumer).slice()).toEqual(separator(consumer))
  }
  expect(computed).toEqual(consumers)
})

test('two that share a place take it from each other, and get no separator but their own', () => {
  const separatorOf = cacheSeparators(separator)
  for (let round = 0; round < 3; round++) {
    for (const consumer of [addressOf(5), neighbourOf(5)]) {
      expect(separatorOf(consumer).slice()).toEqual(separator(consumer))
    }
  }
})
