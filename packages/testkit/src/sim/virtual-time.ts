/**
 * Virtual time: one queue of events, and one clock that jumps from each to the next.
 *
 * The shells of the node and of the accountant run unchanged: while a world is played, the timers of the process, and its
 * random bytes, are the world's own. An event belongs to a process (one life of one party); what a dead process still had
 * in mind never happens.
 *
 * @module
 */

import nodeCrypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'
import type { Random } from './random.ts'

/** One life of a party: a crash ends it, a restart begins another. */
export interface Process {
  readonly name: string
  alive: boolean
  readonly bornAtMs: number
  diedAtMs?: number
}

export interface VirtualTime {
  readonly nowMs: number
  /** Whose code runs now. */
  readonly process: Process
  /** Events so far. */
  readonly steps: number
  after(delayMs: number, owner: Process, work: () => unknown): TimerHandle
  /** Plays until then; promises have all settled when it returns. */
  playUntil(endMs: number): Promise<void>
}

export interface TimerHandle {
  cancelled: boolean
  unref(): TimerHandle
  ref(): TimerHandle
}

interface QueuedEvent {
  readonly atMs: number
  readonly order: number
  readonly owner: Process
  readonly work: () => unknown
  readonly handle: TimerHandle
}

/** What belongs to nobody: the network's own doings, the chain's, the faults. */
export const nature: Process = { name: 'nature', alive: true, bornAtMs: 0 }

const real = { setImmediate: globalThis.setImmediate, process: globalThis.process }

/**
 * All that an event set in motion comes to rest before the next one: Node's own end of a turn, at a tenth of its cost. It
 * works from a timer's callback, not from a promise's.
 */
const settlePromises: () => void = (real.process as unknown as { readonly _tickCallback: () => void })._tickCallback
/** Now and then the event loop turns all the same: messages leave, and what is unreachable is collected. */
const eventsPerTurn = 1000

let playing: { readonly time: VirtualTime; readonly random: Random; readonly leastMs: number } | undefined

/** @param leastMs timers fire no sooner and no more often than this: for long stories of many sessions. */
export function createVirtualTime(random: Random, leastMs = 0): VirtualTime {
  const queue: QueuedEvent[] = []
  let nowMs = 0
  let order = 0
  let steps = 0
  let process = nature

  const time: VirtualTime = {
    get nowMs() {
      return nowMs
    },
    get process() {
      return process
    },
    get steps() {
      return steps
    },
    after(delayMs, owner, work) {
      const handle = newHandle()
      push(queue, { atMs: nowMs + Math.max(0, Math.ceil(delayMs)), order: order++, owner, work, handle })
      return handle
    },
    playUntil: (endMs) =>
      new Promise((resolve, reject) => {
        const turn = () => {
          try {
            for (let event = 0; event < eventsPerTurn; event++) {
              if (!playNext(endMs)) return resolve()
            }
            real.setImmediate(turn)
          } catch (cause) {
            reject(cause)
          }
        }
        real.setImmediate(turn)
      }),
  }
  /** @returns false where nothing is left to happen until then. */
  function playNext(endMs: number): boolean {
    const next = queue[0]
    if (next === undefined || next.atMs > endMs) {
      nowMs = Math.max(nowMs, endMs)
      return false
    }
    pop(queue)
    if (next.handle.cancelled || !next.owner.alive) return true
    nowMs = next.atMs
    process = next.owner
    steps += 1
    next.work()
    settlePromises()
    process = nature
    return true
  }
  playing = { time, random, leastMs }
  return time
}

function newHandle(): TimerHandle {
  const handle: TimerHandle = { cancelled: false, unref: () => handle, ref: () => handle }
  return handle
}

const isBefore = (a: QueuedEvent, b: QueuedEvent) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/** A binary heap. */
function push(heap: QueuedEvent[], event: QueuedEvent): void {
  let at = heap.length
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(event, heap[parent] as QueuedEvent)) break
    heap[at] = heap[parent] as QueuedEvent
    at = parent
  }
  heap[at] = event
}

function pop(heap: QueuedEvent[]): void {
  const last = heap.pop() as QueuedEvent
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1] as QueuedEvent, heap[child] as QueuedEvent)) child += 1
    if (!isBefore(heap[child] as QueuedEvent, last)) break
    heap[at] = heap[child] as QueuedEvent
    at = child
  }
  heap[at] = last
}

/** From here on this thread's timers and random bytes are those of the world that is played. For a thread of its own. */
export function takeOverTimers(): void {
  const world = () => {
    if (playing === undefined) throw new Error('no world is played')
    return playing
  }
  const soon = (delayMs: number, work: () => unknown) => {
    const { time, leastMs } = world()
    return time.after(Math.max(delayMs, leastMs), time.process, work)
  }
  const cancel = (handle: TimerHandle | undefined) => {
    if (handle !== undefined) handle.cancelled = true
  }
  const every = (work: (...args: unknown[]) => unknown, periodMs = 1, ...args: unknown[]) => {
    const handle = newHandle()
    const { time, leastMs } = world()
    const { process } = time
    const periodOrMoreMs = Math.max(1, periodMs, leastMs)
    const again = () => {
      if (handle.cancelled) return
      time.after(periodOrMoreMs, process, again)
      work(...args)
    }
    time.after(periodOrMoreMs, process, again)
    return handle
  }
  Object.assign(globalThis, {
    setTimeout: (work: (...args: unknown[]) => unknown, delayMs = 0, ...args: unknown[]) =>
      soon(delayMs, () => work(...args)),
    setInterval: every,
    setImmediate: (work: (...args: unknown[]) => unknown, ...args: unknown[]) => {
      const { time } = world()
      return time.after(0, time.process, () => work(...args))
    },
    clearTimeout: cancel,
    clearInterval: cancel,
    clearImmediate: cancel,
  })
  const wait = <T>(delayMs: number, value: T, { signal }: { readonly signal?: AbortSignal } = {}) =>
    new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => {
        cancel(handle)
        reject(signal?.reason)
      }
      const handle = soon(delayMs, () => {
        signal?.removeEventListener('abort', abort)
        resolve(value)
      })
      signal?.addEventListener('abort', abort)
    })
  Object.assign(timersPromises, { setTimeout: wait })
  Object.assign(nodeCrypto, { randomBytes: (length: number) => Buffer.from(world().random.bytes(length)) })
  syncBuiltinESMExports()
}
