/**
 * The rules of the payment network: promises, invoices, batches, proposals; their bytes, signatures and checks.
 *
 * No I/O, no clock, no randomness: every function depends on its arguments alone. What happens over time is in
 * `payments`, what touches the world in the packages at the edges.
 *
 * @example
 * const promise = { amount: 3n, hashlock, agreement: { id, provider, total: 3n }, ticks: noTicks }
 * const signature = crypto.sign(hashPromise(crypto, { chainId, channel }, promise), privateKey)
 * recoverPromiseSigner(crypto, { chainId, channel }, promise, signature) === consumer
 *
 * @module
 */

export * from './amount.ts'
export * from './bytes.ts'
export type { CborReader } from './cbor-reader.ts'
export * from './channel-address.ts'
export * from './contradiction.ts'
export * from './crypto.ts'
export * from './exchange.ts'
export * from './exchange-stream.ts'
export * from './failure.ts'
export * from './fast-exit.ts'
export * from './invoice.ts'
export * from './message.ts'
export * from './network-profile.ts'
export * from './payment-promise.ts'
export * from './payout-order.ts'
export * from './preimage.ts'
export * from './price.ts'
export * from './proposal.ts'
export * from './recovery.ts'
export * from './reference-crypto.ts'
export * from './session.ts'
export * from './signed-content.ts'
export * from './signed-messages.ts'
export * from './signed-promise.ts'
export * from './signed-request.ts'
export * from './statements.ts'
export * from './transactor-calls.ts'
export * from './typed-data.ts'
