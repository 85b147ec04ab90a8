/**
 * The shells of the payment engine, without the node around them: for worlds that drive them in virtual time.
 *
 * @module
 */

export type { AccountantClient, AccountantInfo } from './accountant-client.ts'
export type { Clock } from './clock.ts'
export { adoptShown } from './consumer/adopt-shown.ts'
export { type Connection, createConnection } from './consumer/connection.ts'
export { openPayerBook, type PayerBook } from './consumer/payer-book.ts'
export { deriveKeys, type NodeKeys } from './keys.ts'
export { type PaymentPolicy, paymentPolicy } from './payment-policy.ts'
export { type ExchangeDesk, openExchangeDesk } from './provider/exchange-desk.ts'
export { createProvider, type Provider } from './provider/provider.ts'
