/**
 * The route table.
 *
 * @module
 */

import { Type } from 'typebox'
import type { Route } from './route.ts'
import {
  addressSchema,
  amountSchema,
  beneficiarySchema,
  closed,
  connectionIdSchema,
  connectionSchema,
  connectRequestSchema,
  earningsSchema,
  errandSchema,
  leavingSchema,
  pageSchema,
  paymentSchema,
  payoutPeriodSchema,
  payoutSchema,
  proposalFilterSchema,
  proposalSchema,
  registrationSchema,
  serviceOfferSchema,
  serviceSchema,
  serviceTypeSchema,
  settlementAskSchema,
  settlementPreviewSchema,
  settlementSchema,
  statusSchema,
  topUpSchema,
} from './schemas.ts'

/** What a node answers from memory or with one look at the chain. */
const quickMs = 30_000
/** Dialling, punching, a handshake and the first payment; each has its own, shorter limit in the node. */
const connectMs = 90_000
/** A transactor has 90 s to see its transaction mined, after a quote. */
const onChainMs = 200_000

const nothing = closed({})

export const routes = {
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'Says that the node runs',
    response: Type.Object({ running: Type.Boolean() }),
    open: true,
    timeoutMs: quickMs,
  },
  status: {
    method: 'GET',
    path: '/v1/status',
    summary: 'Identity, balances, connections, services',
    response: statusSchema,
    timeoutMs: quickMs,
  },
  events: {
    method: 'GET',
    path: '/v1/events',
    summary: 'The status now, and again after every change',
    response: statusSchema,
    stream: true,
    timeoutMs: quickMs,
  },
  identities: {
    method: 'GET',
    path: '/v1/identities',
    summary: 'The identities on this node, and the one in use',
    response: Type.Object({ current: addressSchema, identities: Type.Array(addressSchema) }),
    timeoutMs: quickMs,
  },
  topUp: {
    method: 'GET',
    path: '/v1/top-up',
    summary: 'Where to pay in',
    response: topUpSchema,
    timeoutMs: quickMs,
  },
  register: {
    method: 'POST',
    path: '/v1/registration',
    summary: 'Registers the identity; the fees are taken from what its channel holds',
    body: nothing,
    response: registrationSchema,
    timeoutMs: onChainMs,
  },
  proposals: {
    method: 'GET',
    path: '/v1/proposals',
    summary: 'What providers offer',
    query: proposalFilterSchema,
    response: Type.Object({ proposals: Type.Array(proposalSchema) }),
    timeoutMs: quickMs,
  },
  connections: {
    method: 'GET',
    path: '/v1/connections',
    summary: 'Connections, open and failed',
    response: Type.Object({ connections: Type.Array(connectionSchema) }),
    timeoutMs: quickMs,
  },
  connect: {
    method: 'PUT',
    path: '/v1/connections',
    summary: 'Connects to the cheapest provider that fits, and answers when traffic can flow',
    body: connectRequestSchema,
    response: connectionSchema,
    timeoutMs: connectMs,
  },
  disconnect: {
    method: 'DELETE',
    path: '/v1/connections/:id',
    summary: 'Pays what is due and closes the connection',
    params: closed({ id: connectionIdSchema }),
    response: connectionSchema,
    timeoutMs: connectMs,
  },
  services: {
    method: 'GET',
    path: '/v1/services',
    summary: 'What this node offers, with the sessions of each service',
    response: Type.Object({ services: Type.Array(serviceSchema) }),
    timeoutMs: quickMs,
  },
  serve: {
    method: 'PUT',
    path: '/v1/services/:serviceType',
    summary: 'Offers a service',
    params: closed({ serviceType: serviceTypeSchema }),
    body: serviceOfferSchema,
    response: serviceSchema,
    timeoutMs: connectMs,
  },
  stopService: {
    method: 'DELETE',
    path: '/v1/services/:serviceType',
    summary: 'Withdraws a service and ends its sessions',
    params: closed({ serviceType: serviceTypeSchema }),
    response: Type.Object({ serviceType: serviceTypeSchema }),
    timeoutMs: connectMs,
  },
  earnings: {
    method: 'GET',
    path: '/v1/earnings',
    summary: 'What was earned, accountant by accountant: uncredited, unsettled, settled',
    response: Type.Object({ accountants: Type.Array(earningsSchema) }),
    timeoutMs: quickMs,
  },
  settlements: {
    method: 'GET',
    path: '/v1/settlements',
    summary: 'What accountants have paid on chain, newest first',
    query: pageSchema,
    response: Type.Object({ settlements: Type.Array(paymentSchema), cursor: Type.Optional(Type.String()) }),
    timeoutMs: quickMs,
  },
  settlementPreview: {
    method: 'GET',
    path: '/v1/settlements/preview',
    summary: 'What settling would bring and cost now',
    query: settlementAskSchema,
    response: Type.Object({ settlements: Type.Array(settlementPreviewSchema) }),
    timeoutMs: connectMs,
  },
  settle: {
    method: 'POST',
    path: '/v1/settlements',
    summary: 'Brings what was earned on chain',
    body: settlementAskSchema,
    response: settlementSchema,
    timeoutMs: onChainMs,
  },
  withdraw: {
    method: 'POST',
    path: '/v1/withdrawals',
    summary: "Sends the channel's money home: at once where the accountant co-signs, else after the contract's delay",
    body: closed({ to: Type.Optional(addressSchema), amount: Type.Optional(amountSchema) }),
    response: errandSchema,
    timeoutMs: onChainMs,
  },
  leave: {
    method: 'POST',
    path: '/v1/leave',
    summary: 'Ends all business and brings all money home; goes on over restarts',
    body: closed({ to: Type.Optional(addressSchema) }),
    response: leavingSchema,
    timeoutMs: onChainMs,
  },
  leaving: {
    method: 'GET',
    path: '/v1/leave',
    summary: 'How far the money has come',
    response: leavingSchema,
    timeoutMs: quickMs,
  },
  stay: {
    method: 'DELETE',
    path: '/v1/leave',
    summary: 'Takes the leave back; what the chain has been told goes on',
    response: leavingSchema,
    timeoutMs: quickMs,
  },
  beneficiary: {
    method: 'GET',
    path: '/v1/beneficiary',
    summary: 'Who is paid for the identity, by the registry',
    response: beneficiarySchema,
    timeoutMs: quickMs,
  },
  changeBeneficiary: {
    method: 'PUT',
    path: '/v1/beneficiary',
    summary: 'Changes who is paid, for good; the wallet of the identity pays the gas',
    body: closed({ beneficiary: addressSchema }),
    response: beneficiarySchema,
    timeoutMs: onChainMs,
  },
  payout: {
    method: 'GET',
    path: '/v1/payout',
    summary: 'How an accountant pays by itself; the first of the network where none is named',
    query: closed({ accountant: Type.Optional(addressSchema) }),
    response: payoutSchema,
    timeoutMs: onChainMs,
  },
  orderPayout: {
    method: 'PUT',
    path: '/v1/payout',
    summary: 'Asks an accountant to pay every day or week, or not any more; it bears the gas',
    body: closed({
      accountant: Type.Optional(addressSchema),
      every: payoutPeriodSchema,
      least: Type.Optional(amountSchema),
    }),
    response: payoutSchema,
    timeoutMs: onChainMs,
  },
  stop: {
    method: 'POST',
    path: '/v1/stop',
    summary: 'Ends all sessions gracefully, then the node',
    body: nothing,
    response: Type.Object({ stopping: Type.Boolean() }),
    timeoutMs: quickMs,
  },
} as const satisfies Record<string, Route>

export type Routes = typeof routes
export type RouteName = keyof Routes
/** The name of every route that gives one answer. */
export type CallName = { [N in RouteName]: Routes[N] extends { readonly stream: true } ? never : N }[RouteName]
