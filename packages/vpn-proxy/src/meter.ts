/**
 * Counts what passes, and holds it back while the service is paused.
 *
 * @module
 */

import { Transform, type TransformCallback } from 'node:stream'
import type { TrafficStats } from '@myst/vpn'

export interface Meter {
  stats(): TrafficStats
  readonly paused: boolean
  countSent(bytes: number): void
  countReceived(bytes: number): void
  /** A stream through which one direction of a TCP flow goes. */
  gate(direction: 'sent' | 'received'): Transform
  pause(): void
  resume(): void
}

export function createMeter(): Meter {
  let sentBytes = 0n
  let receivedBytes = 0n
  let paused = false
  let held: (() => void)[] = []

  function resume(): void {
    paused = false
    const waiting = held
    held = []
    for (const pass of waiting) pass()
  }

  function count(direction: 'sent' | 'received', bytes: number): void {
    if (direction === 'sent') sentBytes += BigInt(bytes)
    else receivedBytes += BigInt(bytes)
  }

  return {
    stats: () => ({ sentBytes, receivedBytes }),
    get paused() {
      return paused
    },
    countSent: (bytes) => count('sent', bytes),
    countReceived: (bytes) => count('received', bytes),
    gate(direction) {
      return new Transform({
        transform(chunk: Uint8Array, _encoding, done: TransformCallback) {
          const pass = () => {
            count(direction, chunk.length)
            done(null, chunk)
          }
          if (paused) held.push(pass)
          else pass()
        },
        destroy(error, done) {
          done(error)
        },
      })
    },
    pause() {
      paused = true
    },
    resume,
  }
}
