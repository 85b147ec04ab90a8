/**
 * The payment engine on disk and on the wire: books, desks, and the accountant's client. What is said here is durable first.
 *
 * Ports: a record store, two clocks, an accountant's client, figures of the chain. Nothing here knows of VPNs or of the node:
 * a shop and a purse are all that a paid service and its customers need.
 *
 * @example
 * const shop = await openShop({ crypto, store }, { profile, privateKey })          // the service
 * const tab = shop.open(request, authorization, host, pricePerUnit(myst / 1000n))
 * const purse = await openPurse({ crypto, store }, { profile, privateKey })        // its customer
 * const promise = purse.pay(invoice, { provider, agreementId, price, budget }, unitsUsed(7n))
 *
 * @module
 */

export * from './accountant-client.ts'
export * from './adopt-shown.ts'
export { agreementTable } from './agreement-record.ts'
export { type BodyBounds, bodyOf } from './answer-body.ts'
export * from './capacity.ts'
export * from './clock.ts'
export { deskKey, hasExchanged, storedPromises } from './desk-records.ts'
export * from './exchange-desk.ts'
export * from './http-purse.ts'
export * from './http-shop.ts'
export * from './keys.ts'
export * from './payer-book.ts'
export * from './payment-policy.ts'
export * from './purse.ts'
export * from './retry-spread.ts'
export * from './shop.ts'
export type { SpendingLimits, SpendingRefusal } from './spending-book.ts'
export type { Tab, Taken } from './tab.ts'
export * from './till.ts'
export * from './units.ts'
