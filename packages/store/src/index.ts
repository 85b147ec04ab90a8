/**
 * Durable records: a small port, its adapters, and typed tables over it. What the records mean is their owner's business.
 *
 * @example
 * const totals = table('totals', message({ amount: field(0, uint(256)) }))
 * const store = openSqliteStore('/var/lib/myst/node.db')
 * store.commit([totals.put('alice', { amount: 3n })])
 * totals.load(store).get('alice') // { amount: 3n }
 *
 * @module
 */

export * from './keystore.ts'
export { type LedgerCopy, publishBackup, restoreBackup } from './ledger-backup.ts'
export * from './ledger-store.ts'
export * from './memory-ledger-store.ts'
export * from './memory-store.ts'
export * from './postgres-ledger-store.ts'
export * from './record-store.ts'
export { movedPath } from './sqlite-ledger-log.ts'
export { recordsPath } from './sqlite-ledger-records.ts'
export { openSqliteLedgerStore, setMoved } from './sqlite-ledger-store.ts'
export * from './sqlite-ledger-thread.ts'
export * from './sqlite-store.ts'
export * from './typed-table.ts'
