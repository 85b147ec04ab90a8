/**
 * Brings the stored records up to the log, now and then and in the background.
 *
 * What is taken is durable in the log already, so nobody is answered later for it, and a crash in the middle costs nothing:
 * the records stay at the last checkpoint, and the log has all that came after. Where the store cannot take it now, the same
 * is offered again later, with the same records; those that changed meanwhile wait for the next one.
 *
 * @module
 */

import { setImmediate as turn } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import type { LedgerChanges, LedgerStore } from '@myst/store'
import { type Checkpoint, checkpointRecord, type LogHead } from './checkpoint.ts'
import type { LedgerLog } from './log.ts'
import type { Changes, LedgerState } from './state.ts'

export interface CheckpointerDeps {
  readonly state: LedgerState
  readonly log: LedgerLog
  readonly store: Pick<LedgerStore, 'save'>
  /** The stored records are unknown from now on. */
  onFailed(cause: unknown): void
}

export interface Checkpointer {
  /** After an entry became durable: takes a checkpoint in the background where one is due. */
  follow(): void
  /** Waits for the one under way, and takes one of everything. */
  finish(): Promise<void>
}

/** After a disk without space the next try comes when the log has grown by this part of what a checkpoint is taken for. */
const triesWithin = 16

export function createCheckpointer(
  { state, log, store, onFailed }: CheckpointerDeps,
  everyBytes: number,
): Checkpointer {
  /** Taken and not durable yet. */
  let taken: { readonly head: LogHead; readonly changes: Changes } | undefined
  let underway: Promise<void> | undefined
  let dueBytes = everyBytes
  let hasFailed = false

  async function take(): Promise<void> {
    taken ??= { head: log.head, changes: state.take() }
    let reached: Checkpoint | undefined
    async function* parts(head: LogHead, changes: Changes): AsyncGenerator<LedgerChanges> {
      for (const slice of state.seal(changes)) {
        yield slice
        await turn()
      }
      reached = { ...head, digest: state.digest }
      yield { records: [checkpointRecord(reached)], removed: [] }
    }
    try {
      await store.save(parts(taken.head, taken.changes))
      taken = undefined
      dueBytes = everyBytes
      if (reached !== undefined) log.checkpointed(reached)
    } catch (cause) {
      if (cause instanceof Fault && mayPass.has(cause.code)) {
        dueBytes = log.tail.bytes + everyBytes / triesWithin
        return
      }
      hasFailed = true
      onFailed(cause)
    }
  }

  return {
    follow() {
      if (underway !== undefined || hasFailed || log.tail.bytes < dueBytes) return
      underway = take().finally(() => {
        underway = undefined
      })
    },
    async finish() {
      await underway
      if (!hasFailed && taken !== undefined) await take()
      if (!hasFailed && taken === undefined && log.tail.entries > 0) await take()
    },
  }
}

const mayPass: ReadonlySet<string> = new Set(['store-full', 'store-unreachable'])
