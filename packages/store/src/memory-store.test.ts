import { recordStoreCompliance } from '@myst/testkit'
import { createMemoryStore } from './memory-store.ts'

recordStoreCompliance('memory', () => ({ open: createMemoryStore, close() {} }), { durable: false })
