/**
 * A disk: commits are whole and durable when they return, as the store ports promise (what is below, torn sectors and lost
 * caches, is `tracedDisk`'s business). A crash strikes at a commit: just before it took effect, or just after, and the
 * process hears of neither. Old states are kept, so that one can be restored.
 *
 * @module
 */

import { createMemoryLedgerStore, type LedgerChanges, type LedgerStore, type RecordStore } from '@myst/store'
import type { Process } from './virtual-time.ts'

type Rows = Map<string, Uint8Array>
type Tables = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>

export interface Disk {
  /** For one life of its owner. */
  open(process: Process): RecordStore
  /** The state of a moment ago: up to `maxBackups` commits back. @returns false where there is none. */
  restore(commitsAgo: number): boolean
  readonly commits: number
  holds(table: string): boolean
  /** Called in the middle of the next commit. */
  strike: { readonly takesEffect: boolean; readonly strikes: () => void } | undefined
}

export const maxBackups = 64

/** @param backups 0: none is ever restored, so none is kept. */
export function createDisk(backups = maxBackups): Disk {
  let tables: Tables = new Map()
  let old: Tables[] = []
  let commits = 0
  const disk: Disk = {
    strike: undefined,
    get commits() {
      return commits
    },
    holds: (table) => (tables.get(table)?.size ?? 0) > 0,
    restore(commitsAgo) {
      const state = old.at(-commitsAgo)
      if (state === undefined) return false
      tables = state
      old = []
      return true
    },
    open: (process) => ({
      *load(table) {
        for (const [key, value] of tables.get(table) ?? []) yield { key, value: value.slice() }
      },
      commit(writes) {
        if (!process.alive) return
        commits += 1
        const { strike } = disk
        disk.strike = undefined
        if (strike?.takesEffect !== false) {
          if (backups > 0) old.push(tables)
          if (old.length > backups) old.shift()
          const next = new Map(tables)
          const copied = new Set<string>(backups > 0 ? [] : next.keys())
          for (const { table, key, value } of writes) {
            const rows = copied.has(table) ? (next.get(table) as Rows) : new Map(next.get(table))
            copied.add(table)
            if (value === undefined) rows.delete(key)
            else rows.set(key, value.slice())
            next.set(table, rows)
          }
          tables = next
        }
        strike?.strikes()
      },
      close() {},
    }),
  }
  return disk
}

export interface LedgerDisk {
  open(process: Process): LedgerStore
  /** As on `Disk`. */
  strike: Disk['strike']
}

export function createLedgerDisk(): LedgerDisk {
  const store = createMemoryLedgerStore()
  const disk: LedgerDisk = {
    strike: undefined,
    open: (process) => ({
      records: store.records,
      log: store.log,
      reopen: store.reopen,
      append(next) {
        // The dead hear nothing: neither that it was kept nor that it was not.
        if (!process.alive) return new Promise(() => {})
        const { strike } = disk
        disk.strike = undefined
        if (strike?.takesEffect !== false) store.append(next)
        strike?.strikes()
        return process.alive ? undefined : new Promise<void>(() => {})
      },
      async save(parts) {
        const whole: LedgerChanges[] = []
        for await (const part of parts) whole.push(part)
        if (!process.alive) return new Promise(() => {})
        const records = whole.flatMap((part) => part.records)
        await store.save(inOnePart({ records, removed: whole.flatMap((part) => part.removed) }))
      },
      close() {},
    }),
  }
  return disk
}

async function* inOnePart(changes: LedgerChanges): AsyncGenerator<LedgerChanges> {
  yield changes
}
