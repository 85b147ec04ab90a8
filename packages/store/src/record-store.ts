/**
 * Record store: named tables of key → bytes, loaded whole at start, written in atomic, durable commits.
 *
 * Programs keep their state in memory as domain types and write what a step changed, so that the store stays this small,
 * and a ledger on PostgreSQL, a file or a simulated disk behaves the same.
 *
 * @module
 */

export interface StoredRecord {
  readonly key: string
  readonly value: Uint8Array
}

export interface RecordWrite {
  readonly table: string
  readonly key: string
  /** Absent: the record is removed. */
  readonly value?: Uint8Array
}

export interface RecordStore {
  load(table: string): Iterable<StoredRecord>
  /**
   * All of it or nothing; durable when it returns.
   *
   * @throws Fault `store-failed`; from then on every commit throws, since what is on disk is unknown (a failed fsync is
   * never retried as success).
   */
  commit(writes: readonly RecordWrite[]): void
  close(): void
}
