/**
 * What happens over time between a payer, a provider and an accountant, as steps from state and event to state and actions.
 *
 * No I/O: the caller owns clock, disk and network, makes the returned state durable before it acts, and feeds events.
 * Nothing here knows of VPNs: an API that is metered per request is paid for in the same way.
 *
 * @example
 * const [invoicing, first] = startInvoicing(terms, nowMs, hashlock)          // provider
 * const answer = answerInvoice(emptyPayer, invoice, payerTerms, facts)       // consumer
 *
 * @module
 */

export * from './exchanger.ts'
export * from './first-credit.ts'
export * from './invoicer.ts'
export * from './payer.ts'
export * from './recovery-offer.ts'
export * from './settler.ts'
