/**
 * Keys in order, so that a page can begin after any of them, also one that has gone meanwhile.
 *
 * @module
 */

export interface SortedKeys {
  /** The key must be new. */
  add(key: string): void
  delete(key: string): void
  /** Those above `after`, all where it is left out. */
  from(after?: string): Iterable<string>
}

/** An array with binary search: at 100,000 keys an insertion moves 800 kB, some 50 µs. */
export function createSortedKeys(): SortedKeys {
  const keys: string[] = []

  function indexOf(key: string): number {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    add(key) {
      keys.splice(indexOf(key), 0, key)
    },
    delete(key) {
      const index = indexOf(key)
      if (keys[index] === key) keys.splice(index, 1)
    },
    *from(after) {
      let index = after === undefined ? 0 : indexOf(after)
      if (keys[index] === after) index++
      for (; index < keys.length; index++) yield keys[index]!
    },
  }
}
