/**
 * For tests alone: compliance suites that every adapter of a port runs, the published vectors, and the people in them.
 *
 * @module
 */

export { cryptoCompliance } from './compliance/crypto.ts'
export { type LedgerStoreLab, ledgerStoreCompliance } from './compliance/ledger-store.ts'
export { type LinkLab, linkCompliance } from './compliance/link.ts'
export { recordStoreCompliance, type StoreLab } from './compliance/record-store.ts'
export { alice, bob, carol, dave, mallory, type Person, person } from './people.ts'
export { loadMistaken, type Mistake } from './planted.ts'
export { type PostgresServer, startPostgres, whyNoPostgres } from './postgres-server.ts'
export { toyCrypto } from './toy-crypto.ts'
export { createTracedDisk, type DiskOp, traceDisk, whyNoStrace, writeState } from './traced-disk.ts'
export { readVectors, type Vector } from './vectors.ts'
