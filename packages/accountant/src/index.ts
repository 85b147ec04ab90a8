/**
 * The accountant: takes over consumers' promises from providers, batch by batch, gives one promise of its own, and
 * collects on chain. It holds nobody's money.
 *
 * `ledger/` is a pure state machine; `exchange-service.ts` is what it answers; the rest are its edges.
 *
 * @example const accountant = await startAccountant({ profile, accountant, operatorKey, … })
 *
 * @module
 */

export * from './accountant.ts'
export * from './channel-view.ts'
export * from './options.ts'
