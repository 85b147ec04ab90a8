/**
 * The accountant's parts, without HTTP, threads and files: for worlds that drive them in virtual time.
 *
 * @module
 */

export { createChannelView } from './channel-view.ts'
export { type Collector, createCollector } from './collector.ts'
export { createExchangeService, type ExchangeService } from './exchange-service.ts'
export { createExitHolder, type ExitHolder } from './exit-holder.ts'
export { type Ledger, openLedger, totalsKey } from './ledger/index.ts'
export { createRecoveryService, type RecoveryService } from './recovery-service.ts'
export { createSigner } from './sign-decisions.ts'
export { createSignerFinder } from './signatures/batch-signers.ts'
export type { Transactions } from './transactions.ts'
