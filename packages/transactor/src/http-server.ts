/**
 * The transactor over HTTP. Requests and their answers are CBOR, as they are hashed and signed; whoever asks for JSON gets it.
 *
 * Each network has its paths under `/networks/<id>`; where there is only one, they are at the root besides.
 *
 * @module
 */

import { isWaitedOut } from '@myst/chain'
import { addressBlock } from '@myst/program'
import {
  callsWithoutFee,
  encodeMessage,
  Fault,
  isAddress,
  isBytes32,
  quoteSchema,
  type Refusal,
  type Schema,
  transactorCalls,
  transactorStateSchema,
} from '@myst/protocol'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { NetworkService } from './network-service.ts'
import { openApi } from './openapi.ts'
import { type HttpRefusalCode, refusalWords } from './refusal-words.ts'
import { renderMetrics } from './status.ts'

export interface HttpOptions {
  readonly networks: readonly NetworkService[]
  /** Believe the forwarding header of a proxy in front of us; else quotas would count the proxy. */
  readonly trustProxy: boolean
  readonly log: (line: string) => void
}

const cbor = 'application/cbor'
/** The largest request is a settlement with its two signatures. */
const maxBodyBytes = 16_384
/** A client that sends its request slower than this holds a socket for nothing. */
const requestTimeoutMs = 20_000

export function createHttpServer({ networks, trustProxy, log }: HttpOptions): FastifyInstance {
  const server = Fastify({ bodyLimit: maxBodyBytes, requestTimeout: requestTimeoutMs, trustProxy })
  server.addContentTypeParser(cbor, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const statusCode = error.statusCode ?? 500
    if (isWaitedOut(error)) return refuse(reply, { code: 'chain-unreachable' })
    if (statusCode >= 500)
      log(`${request.method} ${request.url}: ${error instanceof Fault ? error.message : error.stack}`)
    // What is on disk is unknown then: the program ends.
    if (error instanceof Fault && error.code === 'store-failed') setImmediate(() => rethrow(error))
    return refuse(reply, { code: statusCode < 500 ? 'request-malformed' : 'internal' })
  })
  server.setNotFoundHandler((_request, reply) => refuse(reply, { code: 'path-unknown' }))

  server.get('/healthz', async () => ({ running: true }))
  server.get('/openapi.json', async () => openApi)
  server.get('/v1/networks', async () =>
    networks.map(({ networkId, address }) => ({ networkId, transactor: address, path: `/networks/${networkId}` })),
  )
  server.get('/metrics', async (_request, reply) => {
    const figures = networks.map(async (network) => ({ status: await network.status(), counts: network.counts() }))
    return reply.type('text/plain; version=0.0.4').send(renderMetrics(await Promise.all(figures)))
  })
  const [only, ...others] = networks
  if (only !== undefined && others.length === 0) addNetwork(server, '', only)
  for (const network of networks) addNetwork(server, `/networks/${network.networkId}`, network)
  return server
}

function addNetwork(server: FastifyInstance, prefix: string, network: NetworkService): void {
  server.get<{ Params: { call: string } }>(`${prefix}/v1/quotes/:call`, async (request, reply) => {
    const named = request.params.call
    const call = transactorCalls.find((name) => name === named)
    if (call !== undefined) return send(request, reply, quoteSchema, await network.quote(call))
    const known = callsWithoutFee.some((name) => name === named)
    return refuse(reply, { code: known ? 'call-without-fee' : 'call-unknown' })
  })

  server.post(`${prefix}/v1/requests`, async (request, reply) => {
    const body = request.body instanceof Uint8Array ? new Uint8Array(request.body) : new Uint8Array()
    const carried = await network.carry(body, addressBlock(request.ip))
    if (!carried.ok) return refuse(reply, carried.refusal)
    return send(request, reply, transactorStateSchema, carried.value)
  })

  server.get<{ Params: { id: string } }>(`${prefix}/v1/requests/:id`, async (request, reply) => {
    const state = isBytes32(request.params.id) ? network.stateOf(request.params.id) : undefined
    if (state === undefined) return refuse(reply, { code: 'request-unknown' })
    return send(request, reply, transactorStateSchema, state)
  })

  server.post(`${prefix}/v1/faucet`, async (request, reply) => {
    const to = (request.body as { readonly to?: unknown } | null)?.to
    if (typeof to !== 'string' || !isAddress(to)) return refuse(reply, { code: 'recipient-invalid' })
    const given = await network.give(to, addressBlock(request.ip))
    if (!given.ok) return refuse(reply, given.refusal)
    const { state, amount } = given.value
    return { ...state, to, amount: String(amount) }
  })

  server.get(`${prefix}/v1/status`, () => network.status())
}

/** JSON for who asks for it; amounts are decimal strings there. */
function send<T>(request: FastifyRequest, reply: FastifyReply, schema: Schema<T>, value: T): FastifyReply {
  const accepts = request.headers.accept ?? ''
  if (accepts.includes('application/json')) return reply.send(JSON.parse(JSON.stringify(value, bigintAsText)))
  return reply.type(cbor).send(Buffer.from(encodeMessage(schema, value)))
}

function refuse(reply: FastifyReply, refusal: Refusal & { readonly code: HttpRefusalCode }): FastifyReply {
  const { code, ...facts } = refusal
  const [status, message] = refusalWords[code]
  return reply.code(status).send({ code, message, facts: JSON.parse(JSON.stringify(facts, bigintAsText)) })
}

const bigintAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)

function rethrow(error: Error): never {
  throw error
}
