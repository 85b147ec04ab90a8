/**
 * The route table.
 *
 * @module
 */

import { Type } from 'typebox'
import type { Route } from './route.ts'
import {
  addressSchema,
  closed,
  connectionIdSchema,
  connectionSchema,
  connectRequestSchema,
  proposalFilterSchema,
  proposalSchema,
  registrationSchema,
  serviceOfferSchema,
  serviceSchema,
  serviceTypeSchema,
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
  settle: {
    method: 'POST',
    path: '/v1/settlements',
    summary: 'Brings what was earned on chain',
    body: nothing,
    response: settlementSchema,
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
