/**
 * Fair queue: owners take turns, so that a flood of one leaves everybody else's next in line as it was.
 *
 * @module
 */

export interface FairQueue<T> {
  /** Behind what the same owner has waiting; `first` puts it before. */
  push(owner: string, item: T, place?: 'first'): 'queued' | 'owner-full' | 'full'
  /** The next item in turn whose owner is free; its owner then goes to the end of the round. */
  take(isFree: (owner: string) => boolean): { readonly owner: string; readonly item: T } | undefined
  size(): number
}

export interface FairQueueOptions {
  readonly maxItems: number
  readonly maxPerOwner: number
}

export function createFairQueue<T>({ maxItems, maxPerOwner }: FairQueueOptions): FairQueue<T> {
  /** In the order of the turns. */
  const waiting = new Map<string, T[]>()
  let size = 0
  return {
    push(owner, item, place) {
      const own = waiting.get(owner) ?? []
      if (place === 'first') own.unshift(item)
      else {
        if (own.length >= maxPerOwner) return 'owner-full'
        if (size >= maxItems) return 'full'
        own.push(item)
      }
      waiting.set(owner, own)
      size++
      return 'queued'
    },
    take(isFree) {
      for (const [owner, own] of waiting) {
        if (!isFree(owner)) continue
        const item = own.shift() as T
        size--
        waiting.delete(owner)
        if (own.length > 0) waiting.set(owner, own)
        return { owner, item }
      }
      return undefined
    },
    size: () => size,
  }
}
