/**
 * Random values from a seed, fast, and with a taste for edges: 0, 1, the largest, single high bits, leading zeros.
 *
 * @module
 */

import { type Address, type Bytes32, toHex } from '@myst/protocol'

export interface Random {
  /** A whole number below `limit`, which is at most 2³². */
  below(limit: number): number
  bytes(length: number): Uint8Array
  pick<T>(choices: readonly T[]): T
  uint(bits: number): bigint
  address(): Address
  bytes32(): Bytes32
  text(): string
}

/** xoshiro128**, by Blackman and Vigna: https://prng.di.unimi.it/xoshiro128starstar.c. */
export function createRandom(seed: number): Random {
  // splitmix32 spreads a small seed over the state.
  let mixed = seed >>> 0
  const mix = () => {
    mixed = (mixed + 0x9e3779b9) >>> 0
    let word = mixed
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
    return (word ^ (word >>> 15)) >>> 0
  }
  let [a, b, c, d] = [mix(), mix(), mix(), mix()]
  const rotate = (word: number, by: number) => (word << by) | (word >>> (32 - by))

  function next(): number {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result
  }

  const random: Random = {
    below: (limit) => Math.floor((next() / 2 ** 32) * limit),

    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += 4) {
        const word = next()
        for (let byte = 0; byte < 4 && at + byte < length; byte++) bytes[at + byte] = word >>> (8 * byte)
      }
      return bytes
    },

    pick: (choices) => choices[random.below(choices.length)] as (typeof choices)[number],

    uint(bits) {
      const max = (1n << BigInt(bits)) - 1n
      switch (random.below(8)) {
        case 0:
          return random.pick([0n, 1n, 2n, max, max - 1n])
        case 1:
          return 1n << BigInt(random.below(bits))
        case 2:
          return BigInt(random.below(2 ** 32)) & max
        default:
          return BigInt(toHex(random.bytes(1 + random.below(bits / 8)))) & max
      }
    },

    address: () => toHex(edgy(20)),
    bytes32: () => toHex(edgy(32)),

    text() {
      const alphabet = random.pick(['abcdefghijklmnopqrstuvwxyz:/.', '\0 "\\\n', 'äß→字', '🜁🀄𝄞'])
      const letters = [...alphabet]
      return Array.from({ length: random.pick([0, 1, 31, 32, 33, random.below(256)]) }, () =>
        random.pick(letters),
      ).join('')
    },
  }

  /** Bytes that a sloppy mask would change, among others. */
  function edgy(length: number): Uint8Array {
    const bytes = random.bytes(length)
    switch (random.below(10)) {
      case 0:
        return bytes.fill(random.pick([0x00, 0xff, 0x80]))
      case 1:
        return bytes.fill(0, 0, length - 1)
      case 2:
        return bytes.fill(0, 1 + random.below(length - 1))
      case 3:
        return bytes.fill(0, 0, random.below(length))
      default:
        return bytes
    }
  }

  return random
}
