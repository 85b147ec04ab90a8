/**
 * Node Core: one portable library that buys and sells connectivity. The API, the command line and other people's programs
 * sit on it.
 *
 * @example
 * const node = await createNode({ profile, privateKey, dataDir, crypto, log: console.error, … })
 * const { channel } = node.topUp()
 * const connection = await node.connect({ serviceType: 'proxy', country: 'NL' })
 *
 * @module
 */

// The provider's side of an exchange, by itself: whoever is paid by the request needs no more of a node than this.
export { type AccountantClient, createAccountantClient } from './accountant-client.ts'
export { systemClock } from './clock.ts'
export * from './identity.ts'
export { deriveKeys } from './keys.ts'
export * from './node.ts'
export * from './node-core.ts'
export { type PaymentPolicy, paymentPolicy } from './payment-policy.ts'
export { type ExchangeDesk, openExchangeDesk } from './provider/exchange-desk.ts'
