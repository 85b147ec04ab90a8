/**
 * How much garbage may gather beside the accounts, which stay. By default V8 lets as much of it gather again; with a small fixed part, a
 * small ledger is looked through many times a minute for nothing. So it is a room, within two parts of what stays.
 *
 * @module
 */

import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** A hundred thousand channels come to 330 MiB of accounts, and all threads with them to a little less than 1 GiB. */
const roomBytes = 96 << 20
/** Below the least V8 does little else. Above the most other threads, whose flag it is too, would keep what they don't need. */
const [leastPercent, mostPercent] = [25, 100]

/** @param live bytes that the last full collection left. */
export const garbagePercent = (live: number): number =>
  Math.max(leastPercent, Math.min(mostPercent, Math.round((100 * roomBytes) / live)))

/** After each full collection, for the one after the next. */
export function boundGarbage(): void {
  const bound = () => setFlagsFromString(`--heap-growing-percent=${garbagePercent(getHeapStatistics().used_heap_size)}`)
  bound()
  const observer = new PerformanceObserver((list) => {
    const kinds = list.getEntries().map((entry) => (entry as { detail?: { kind?: number } }).detail?.kind)
    if (kinds.includes(constants.NODE_PERFORMANCE_GC_MAJOR)) bound()
  })
  observer.observe({ entryTypes: ['gc'] })
}
