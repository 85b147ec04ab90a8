/**
 * Ledger store: the log of a ledger's commands, entry by entry, and the records they lead to, which follow from time to time.
 *
 * The store knows nothing of what is in them. Entries are numbered from 1; one is taken only as the next one, so that
 * of two processes that believe they own the ledger at most one goes on (the fence).
 *
 * @module
 */

export interface LedgerKey {
  readonly table: string
  readonly key: string
}

export interface LedgerRecord extends LedgerKey {
  readonly value: Uint8Array
}

export interface LogEntry {
  readonly sequence: number
  /** 32 bytes, over the body. */
  readonly hash: Uint8Array
  readonly body: Uint8Array
}

export interface NextEntry {
  readonly entry: LogEntry
  /** Entries below this number are dropped with it. */
  readonly oldest: number
}

export interface LedgerChanges {
  /** New or changed. */
  readonly records: readonly LedgerRecord[]
  /** Forgotten; none of them is among the records. One that is not there is no fault. */
  readonly removed: readonly LedgerKey[]
}

/** What a database gives at once, or over a network. */
export type Rows<T> = Iterable<T> | AsyncIterable<T>

/** A ledger as a whole. */
export interface LedgerRows {
  readonly records: Rows<LedgerRecord>
  readonly log: Rows<LogEntry>
}

export interface LedgerStore {
  /** In any order. */
  records(): Rows<LedgerRecord>
  /** In ascending order. */
  log(): Rows<LogEntry>
  /**
   * All of it or nothing; durable when it returns or resolves.
   *
   * @throws Fault `store-fenced` where the entry is not the next one; `store-full` where there is no space: nothing was
   * kept, and `reopen` tells when it may be tried again; `store-failed`: what is on disk is unknown, and every later
   * append fails too (a failed fsync is never retried as success).
   */
  append(next: NextEntry): void | Promise<void>
  /**
   * Brings the records up to date: all parts or nothing, durable when it resolves. Entries are appended meanwhile.
   *
   * @throws Fault `store-full`, `store-unreachable`: the same may be tried again; `store-failed`: what is on disk is
   * unknown, and every later save fails too; `store-fenced`; what `parts` throws.
   */
  save(parts: AsyncIterable<LedgerChanges>): Promise<void>
  /**
   * After an append that found no space: opens the log afresh, as a restart would.
   *
   * @returns the newest entry as it is on disk. @throws Fault `store-full` while there is still no space.
   */
  reopen(): LogEntry | undefined | Promise<LogEntry | undefined>
  /** Opened from a backup, and not yet taken over: it lacks what was answered since. Absent where that can't be seen. */
  readonly isBackup?: boolean
  /** It is the ledger from now on. Durable when it returns or resolves. */
  takeOver?(): void | Promise<void>
  /** Copies what is durable to a file that is not there yet, while it is in use. @throws Fault `file-exists`, `backup-failed`. */
  copyTo?(path: string): Promise<void>
  /** Becomes a copy of another ledger, wholly or not at all. @throws Fault `store-not-empty`, those of `append`. */
  fill?(from: LedgerRows): Promise<void>
  close(): void | Promise<void>
}
