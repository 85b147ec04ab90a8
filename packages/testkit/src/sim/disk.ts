/**
 * A disk: commits are whole and durable when they return, as the store ports promise (what is below, torn sectors and lost
 * caches, is `tracedDisk`'s business). A crash strikes at a commit: just before it took effect, or just after, and the
 * process hears of neither. Old states are kept, so that one can be restored.
 *
 * @module
 */

import {
  type CopiedLedger,
  createMemoryLedgerStore,
  type LedgerChanges,
  type LedgerStore,
  type RecordStore,
  type RecordWrite,
} from '@myst/store'
import type { Process } from './virtual-time.ts'

/** What a commit wrote over, so that it can be undone. */
type Overwritten = readonly { readonly table: string; readonly key: string; readonly value: Uint8Array | undefined }[]

export interface Disk {
  /** For one life of its owner. Rows come by key, as a database gives them. */
  open(process: Process): RecordStore
  /** The state of a moment ago: up to `maxBackups` commits back. @returns false where there is none. */
  restore(commitsAgo: number): boolean
  readonly commits: number
  holds(table: string): boolean
  /** Called in the middle of the next commit. */
  strike: { readonly takesEffect: boolean; readonly strikes: () => void } | undefined
}

/** Stories go back twenty commits at most. */
export const maxBackups = 64

/** @param backups 0: none is ever restored, so none is kept. */
export function createDisk(backups = maxBackups): Disk {
  const tables = new Map<string, Map<string, Uint8Array>>()
  const old: Overwritten[] = []
  let commits = 0

  function write(table: string, key: string, value: Uint8Array | undefined): void {
    const rows = tables.get(table) ?? new Map<string, Uint8Array>()
    tables.set(table, rows)
    if (value === undefined) rows.delete(key)
    else rows.set(key, value)
  }

  function overwrite(writes: readonly RecordWrite[]): void {
    const before =
      backups === 0 ? [] : writes.map(({ table, key }) => ({ table, key, value: tables.get(table)?.get(key) }))
    for (const { table, key, value } of writes) write(table, key, value?.slice())
    if (backups > 0) old.push(before)
    if (old.length > backups) old.shift()
  }

  const disk: Disk = {
    strike: undefined,
    get commits() {
      return commits
    },
    holds: (table) => (tables.get(table)?.size ?? 0) > 0,
    restore(commitsAgo) {
      if (commitsAgo > old.length) return false
      for (const before of old.splice(-commitsAgo).reverse()) {
        for (const { table, key, value } of before.toReversed()) write(table, key, value)
      }
      old.length = 0
      return true
    },
    open: (process) => ({
      *load(table) {
        const rows = [...(tables.get(table) ?? [])].sort(([one], [two]) => (one < two ? -1 : 1))
        for (const [key, value] of rows) yield { key, value: value.slice() }
      },
      commit(writes) {
        if (!process.alive) return
        commits += 1
        const { strike } = disk
        disk.strike = undefined
        if (strike?.takesEffect !== false) overwrite(writes)
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
  /** Restored, and not yet taken over by a ledger in recovery. */
  readonly isBackup: boolean
  /** Makes the backup that `restore` goes back to. */
  backUp(): void
  /** @returns false where there is no backup. */
  restore(): boolean
}

export function createLedgerDisk(): LedgerDisk {
  let store = createMemoryLedgerStore()
  let backup: CopiedLedger | undefined
  /** As the mark in a backup's file: it stays till the ledger has taken note of it. */
  let isBackup = false
  const disk: LedgerDisk = {
    strike: undefined,
    get isBackup() {
      return isBackup
    },
    backUp() {
      backup = store.copy()
    },
    restore() {
      if (backup === undefined) return false
      store = createMemoryLedgerStore(backup)
      isBackup = true
      return true
    },
    open: (process) => ({
      records: () => store.records(),
      log: () => store.log(),
      reopen: () => store.reopen(),
      isBackup,
      takeOver() {
        if (process.alive) isBackup = false
      },
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
