/**
 * The accountant over HTTP. Bodies of the payment calls are CBOR, since they are hashed and signed; what people read is JSON.
 *
 * @module
 */

import { addressBlock, createBuckets } from '@myst/program'
import {
  type Address,
  type Crypto,
  capacityStatementContent,
  consumerStandingSchema,
  type Domain,
  decodeMessage,
  encodeMessage,
  exchangeReplySchema,
  Fault,
  maxBatchBytes,
  openRequest,
  type PayoutRefusal,
  payoutOrderSchema,
  payoutStandingSchema,
  providerStandingSchema,
  revealSchema,
  signedContent,
} from '@myst/protocol'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { ExchangeFrom } from './admission.ts'
import type { BountyDesk } from './bounty-desk.ts'
import { addBountyRoutes } from './bounty-routes.ts'
import type { ExchangeService } from './exchange-service.ts'
import { addFastExitRoutes } from './fast-exit-routes.ts'
import type { FastExits } from './fast-exits.ts'
import type { Metrics } from './metrics.ts'
import { openApi } from './openapi.ts'
import type { PayoutDesk } from './payout-desk.ts'
import type { AccountantStatus } from './program-status.ts'
import { addRecoveryRoutes, type RecoveryRoutes } from './recovery-routes.ts'
import { payoutWords } from './refusal-words.ts'
import { addResignRoutes } from './resign-routes.ts'
import type { Resign } from './resigning.ts'
import { pagePolicy, renderSolvency } from './solvency-page.ts'
import type { SolvencyReport } from './solvency-report.ts'

export interface HttpDeps extends RecoveryRoutes {
  readonly crypto: Crypto
  readonly service: Omit<ExchangeService, 'exchange'> & { readonly exchange: ExchangeFrom }
  readonly payouts: PayoutDesk
  readonly bounties: BountyDesk
  /** Undefined before the chain was seen. */
  readonly solvency: () => SolvencyReport | undefined
  readonly fastExits: FastExits
  readonly resign: Resign
  readonly metrics: Metrics
  readonly domain: Domain
  readonly now: () => number
  readonly status: () => Promise<AccountantStatus>
  /** Without a look at the chain: an accountant whose RPC is away is in good health. */
  readonly isRunning: () => boolean
  /** Whether the address that a proxy names is who asks; only where nobody else can reach the port. */
  readonly trustProxy: boolean
  readonly log: (line: string) => void
}

/** What routes of other files share. */
export interface SignedRoutes {
  /** Who signed this request; undefined after the refusal was sent. */
  signerOf(request: FastifyRequest, reply: FastifyReply): Address | undefined
  bodyOf(request: FastifyRequest): Uint8Array
  send(reply: FastifyReply, encoded: Uint8Array): FastifyReply
  refuseBody(reply: FastifyReply): FastifyReply
  /** Whether the operator signed it; false after the refusal was sent. */
  isOperators(request: FastifyRequest, reply: FastifyReply): boolean
}

const cbor = 'application/cbor'
/** A batch, its signature, and the frame around them. */
const maxBodyBytes = maxBatchBytes + 1024
const batchSchema = signedContent(maxBatchBytes)
const statementSchema = signedContent(capacityStatementContent.maxBytes)
const noBody = new Uint8Array()

export function createHttpServer(deps: HttpDeps): FastifyInstance {
  const { crypto, service, domain, now, status } = deps
  const server = Fastify({ bodyLimit: maxBodyBytes, trustProxy: deps.trustProxy })
  const requests = createBuckets(perAddress)
  // Before the body is read: a flood of one address costs the others nothing but this.
  server.addHook('onRequest', async (request, reply) => {
    if (requests.take(addressBlock(request.ip), now())) return
    await reply.code(429).header('retry-after', '1').send(tooMany)
  })
  server.addContentTypeParser(cbor, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error: { statusCode?: number; message: string; stack?: string }, request, reply) => {
    const statusCode = error.statusCode ?? 500
    const why = error instanceof Fault ? error.message : error.stack
    if (statusCode >= 500) deps.log(`${request.method} ${request.url}: ${why ?? error.message}`)
    const code = statusCode < 500 ? 'request-malformed' : 'internal'
    return reply.code(statusCode).send({ code, message: statusCode < 500 ? error.message : 'see the log', facts: {} })
  })

  function signerOf(request: FastifyRequest, reply: FastifyReply): Address | undefined {
    const body = request.body instanceof Uint8Array ? new Uint8Array(request.body) : noBody
    const asked = { method: request.method, path: request.url, body }
    const opened = openRequest(crypto, domain, request.headers.authorization, asked, now())
    if (opened.ok) return opened.value
    reply.code(401).send({ code: opened.refusal.code, message: 'The request is not signed as it must be.', facts: {} })
    return undefined
  }

  const send = (reply: FastifyReply, encoded: Uint8Array) => reply.type(cbor).send(Buffer.from(encoded))

  server.post('/v1/exchange', async (request, reply) => {
    const signed = decodeMessage(batchSchema, bodyOf(request), maxBodyBytes)
    if (!signed.ok) return reply.code(400).send(malformed)
    return send(
      reply,
      encodeMessage(exchangeReplySchema, await service.exchange(signed.value, { address: addressBlock(request.ip) })),
    )
  })

  server.post('/v1/reveal', async (request, reply) => {
    const provider = signerOf(request, reply)
    if (provider === undefined) return reply
    const reveal = decodeMessage(revealSchema, bodyOf(request))
    if (!reveal.ok) return reply.code(400).send(malformed)
    return { revealed: await service.reveal(provider, reveal.value.preimage) }
  })

  server.get('/v1/providers/me', async (request, reply) => {
    const provider = signerOf(request, reply)
    if (provider === undefined) return reply
    return send(reply, encodeMessage(providerStandingSchema, service.providerStanding(provider)))
  })

  server.get('/v1/providers/me/payout', async (request, reply) => {
    const provider = signerOf(request, reply)
    if (provider === undefined) return reply
    return send(reply, encodeMessage(payoutStandingSchema, deps.payouts.standing(provider)))
  })

  server.put('/v1/providers/me/payout', async (request, reply) => {
    const provider = signerOf(request, reply)
    if (provider === undefined) return reply
    const order = decodeMessage(payoutOrderSchema, bodyOf(request))
    if (!order.ok) return reply.code(400).send(malformed)
    const ordered = await deps.payouts.order(provider, order.value)
    if (!ordered.ok) return refuse(reply, ordered.refusal)
    return send(reply, encodeMessage(payoutStandingSchema, ordered.value))
  })

  server.get('/v1/consumers/me', async (request, reply) => {
    const consumer = signerOf(request, reply)
    if (consumer === undefined) return reply
    return send(reply, encodeMessage(consumerStandingSchema, await service.consumerStanding(consumer)))
  })

  server.post('/v1/capacity-statement', async (request, reply) => {
    const consumer = signerOf(request, reply)
    if (consumer === undefined) return reply
    return send(reply, encodeMessage(statementSchema, await service.stateCapacity(consumer)))
  })

  const refuseBody = (reply: FastifyReply) => reply.code(400).send(malformed)
  function isOperators(request: FastifyRequest, reply: FastifyReply): boolean {
    const signer = signerOf(request, reply)
    if (signer !== undefined && signer !== deps.operator) reply.code(401).send(notOperator)
    return signer === deps.operator
  }
  const routes: SignedRoutes = { signerOf, bodyOf, send, refuseBody, isOperators }
  addFastExitRoutes(server, routes, deps.fastExits)
  addResignRoutes(server, routes, deps.resign)
  addBountyRoutes(server, routes, deps.bounties)
  addRecoveryRoutes(server, routes, deps)

  server.get('/v1/status', status)
  server.get('/openapi.json', async () => openApi)
  server.get('/v1/solvency', async (_request, reply) => deps.solvency() ?? reply.code(503).send(unseen))
  server.get('/solvency', async (_request, reply) => {
    const report = deps.solvency()
    if (report === undefined) return reply.code(503).type('text/plain; charset=utf-8').send(`${unseen.message}\n`)
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', pagePolicy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .send(renderSolvency(report))
  })
  server.get('/metrics', async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  )
  server.get('/healthz', async (_request, reply) => {
    const running = deps.isRunning()
    return reply.code(running ? 200 : 503).send({ running })
  })
  return server
}

/** A provider asks a few times a minute; who has more sends it over the stream. */
const perAddress = { burst: 500, perHour: 50 * 3600 }
const tooMany = {
  code: 'too-many-requests',
  message: 'Too many requests from this address; again in a second.',
  facts: {},
}
const unseen = { code: 'solvency-unknown', message: 'The chain has not been read yet; again in a minute.', facts: {} }
const notOperator = { code: 'request-wrong-signer', message: 'This is for the operator alone.', facts: {} }
const malformed = { code: 'request-malformed', message: 'The body is not what this call takes.', facts: {} }

function refuse(reply: FastifyReply, { code, ...facts }: PayoutRefusal): FastifyReply {
  const told = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]))
  return reply.code(422).send({ code, message: payoutWords[code], facts: told })
}

function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? new Uint8Array(request.body) : noBody
}
