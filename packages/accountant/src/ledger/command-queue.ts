/**
 * Commands that wait for their group: in the order of their arrival, a provider's next one only after its last was answered.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import type { LedgerResults } from './apply-command.ts'
import { type LedgerCommand, sizeOf, subjectOf } from './commands.ts'
import { maxGroupBytes, maxGroupCommands } from './log.ts'

export interface WaitingCommand {
  readonly command: LedgerCommand
  resolve(result: LedgerResults[LedgerCommand['kind']]): void
  reject(fault: Fault): void
}

export interface CommandQueue {
  readonly length: number
  /** Rejects it at once, with Fault `ledger-busy`, where too many wait. */
  add(waiting: WaitingCommand): void
  /** @param busy providers with a command under way: theirs wait on. */
  nextGroup(busy: ReadonlySet<string>): WaitingCommand[]
}

export function createCommandQueue(maxWaiting: number): CommandQueue {
  let queue: WaitingCommand[] = []
  return {
    get length() {
      return queue.length
    },
    add(waiting) {
      if (queue.length >= maxWaiting) waiting.reject(new Fault('ledger-busy', { waiting: queue.length }))
      else queue.push(waiting)
    },
    nextGroup(busy) {
      const providers = new Set(busy)
      const group: WaitingCommand[] = []
      const later: WaitingCommand[] = []
      let bytes = 0
      for (const waiting of queue) {
        const { command } = waiting
        const provider = subjectOf(command)
        if (group.length === maxGroupCommands || bytes >= maxGroupBytes || providers.has(provider)) {
          later.push(waiting)
          // Its next one must not overtake it.
          providers.add(provider)
          continue
        }
        providers.add(provider)
        group.push(waiting)
        bytes += sizeOf(command)
      }
      queue = later
      return group
    },
  }
}
