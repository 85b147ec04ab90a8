/**
 * Seeded chance: everything in a run that could be otherwise is drawn here.
 *
 * sfc32 by Chris Doty-Humphrey (PractRand): 128 bits of state, one number in a few nanoseconds.
 *
 * @module
 */

export interface Random {
  /** In [0, 1). */
  next(): number
  /** An integer in [0, limit). */
  under(limit: number): number
  /** An integer in [least, most]. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  bytes(length: number): Uint8Array
}

export function createRandom(seed: number): Random {
  let a = 0x9e3779b9
  let b = seed | 0
  let c = (seed / 2 ** 32) | 0
  let counter = 1
  function word(): number {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let round = 0; round < 15; round++) word()
  const next = () => word() / 2 ** 32
  const under = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    under,
    between: (least, most) => least + under(most - least + 1),
    chance: (probability) => next() < probability,
    pick: (list) => list[under(list.length)] as never,
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at++) bytes[at] = word() & 0xff
      return bytes
    },
  }
}
