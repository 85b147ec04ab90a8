import { ledgerStoreCompliance } from '@myst/testkit'
import { createMemoryLedgerStore } from './memory-ledger-store.ts'

ledgerStoreCompliance('memory', () => ({ open: createMemoryLedgerStore, close() {} }), { durable: false })
