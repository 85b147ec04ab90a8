/**
 * The payment engine on disk and on the wire: books, desks, and the accountant's client. What is said here is durable first.
 *
 * Ports: a record store, two clocks, an accountant's client, figures of the chain. Nothing here knows of VPNs or of the node.
 *
 * @example
 * const desk = await openExchangeDesk({ crypto, clock: systemClock, store, client, … }, { keys, chainId, accountant, … })
 * const book = openPayerBook(crypto, store, keys, { chainId, channel })
 *
 * @module
 */

export * from './accountant-client.ts'
export * from './adopt-shown.ts'
export * from './agreement-book.ts'
export * from './agreement-record.ts'
export * from './clock.ts'
export * from './consumer-book.ts'
export * from './credit-book.ts'
export * from './exchange-desk.ts'
export * from './keys.ts'
export * from './payer-book.ts'
export * from './payment-policy.ts'
