/**
 * The API's server: the route table on a Unix socket, and on a loopback TCP port where one is configured.
 *
 * Every refusal has a code and the shape `{code, message, facts}`; nothing that a client sends makes a 5xx, and no answer
 * has a stack trace in it.
 *
 * @module
 */

import { chmod, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { type ApiRefusalCode, explain, nodeFiles, type RefusalJson, type Route, routes } from '@myst/api'
import { assert, Fault } from '@myst/protocol'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type ApiCallDeps, type ApiCalls, createApiCalls } from './api-calls.ts'
import { createEventStreams, type EventStreams } from './api-events.ts'
import { checkHead, type Gate, hostsOf } from './api-gate.ts'
import { toJson } from './api-json.ts'
import { createRepeats, type Repeats } from './api-repeats.ts'
import { openApiToken } from './api-token.ts'

export interface ApiServerDeps extends ApiCallDeps {
  /** Calls the listener after every change; returns how to stop. */
  readonly onChange: (listener: () => void) => () => void
  readonly log: (line: string) => void
}

export interface ApiServerOptions {
  readonly dataDir: string
  /** A loopback address; absent: the Unix socket alone. Port 0 picks one. */
  readonly tcp?: { readonly host: string; readonly port: number }
}

export interface ApiServer {
  readonly socketPath: string
  readonly token: string
  readonly url?: string
  /** From now on every call is refused with `node-stopping`, and event streams end. */
  refuseCalls(): void
  close(): Promise<void>
}

/** The largest request, a connection with all its fields, has 700 bytes. */
const maxBodyBytes = 16 * 1024
/** A dashboard opens six; the rest is for scripts. */
const maxSockets = 256
/** Local clients send at once; whoever dribbles holds a socket for nothing. */
const requestTimeoutMs = 10_000
/** `sun_path` is 108 bytes on Linux and 104 on macOS, its final zero included. */
const maxSocketPathBytes = 103

/**
 * @throws Fault `node-already-running` where a process answers on the socket, `socket-path-too-long`,
 * `api-host-not-loopback`, `port-taken`.
 */
export async function startApiServer(deps: ApiServerDeps, options: ApiServerOptions): Promise<ApiServer> {
  const { socketPath, tokenPath } = nodeFiles(options.dataDir)
  const { tcp } = options
  if (tcp !== undefined && !isLoopback(tcp.host)) throw new Fault('api-host-not-loopback', { host: tcp.host })
  await refuseRunningNode(options.dataDir)
  const token = await openApiToken(tokenPath)
  const calls = createApiCalls(deps)
  const events = createEventStreams({ ...deps, read: () => calls.status({}) })
  const state = { stopping: false }
  const shared = { calls, events, repeats: createRepeats(), state, log: deps.log }

  await rm(socketPath, { force: true })
  const local = createListener(shared, () => ({ token }))
  await local.listen({ path: socketPath })
  await chmod(socketPath, 0o600)
  const listeners = [local]
  let url: string | undefined
  if (tcp !== undefined) {
    let hosts: ReadonlySet<string> = new Set()
    const listener = createListener(shared, () => ({ token, hosts }))
    listeners.push(listener)
    try {
      url = await listener.listen({ host: tcp.host, port: tcp.port })
    } catch (cause) {
      await Promise.all(listeners.map((open) => open.close()))
      throw new Fault('port-taken', { ...tcp }, { cause })
    }
    hosts = hostsOf(tcp.host, Number(new URL(url).port || 80))
  }

  return {
    socketPath,
    token,
    ...(url === undefined ? {} : { url }),
    refuseCalls() {
      state.stopping = true
      events.close()
    },
    async close() {
      events.close()
      await Promise.all(listeners.map((listener) => listener.close()))
      await rm(socketPath, { force: true })
    },
  }
}

/** @throws Fault `node-already-running` where a living process listens on this data directory's socket. */
export async function refuseRunningNode(dataDir: string): Promise<void> {
  const { socketPath } = nodeFiles(dataDir)
  if (Buffer.byteLength(socketPath) > maxSocketPathBytes) {
    throw new Fault('socket-path-too-long', { socketPath, maxBytes: maxSocketPathBytes })
  }
  const answered = await new Promise<boolean>((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
  if (answered) throw new Fault('node-already-running', { socketPath })
}

interface Shared {
  readonly calls: ApiCalls
  readonly events: EventStreams
  readonly repeats: Repeats
  readonly state: { readonly stopping: boolean }
  readonly log: (line: string) => void
}

function createListener({ calls, events, repeats, state, log }: Shared, gate: () => Gate): FastifyInstance {
  const server = Fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    // Without one, our own answer is a refusal with its code.
    http: { requireHostHeader: false },
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // Strings stay strings and unknown fields stay, to be refused: what is sent is what is checked.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      void reply.code(400).send(refusalOf(new Fault('request-malformed' satisfies ApiRefusalCode)))
    },
    clientErrorHandler: (_error, socket) => {
      const body = JSON.stringify(refusalOf(new Fault('request-malformed' satisfies ApiRefusalCode)))
      const head = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\n'
      if (socket.writable) socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      else socket.destroy()
    },
  })
  server.server.maxConnections = maxSockets
  // JSON alone: without this, Fastify reads text too.
  server.removeContentTypeParser('text/plain')

  server.addHook('onRequest', async (request) => {
    const { method, url: path, headers, routeOptions } = request
    checkHead(gate(), { method, path, headers, open: openPaths.has(routeOptions.url ?? '') })
    // A call that begins while the node closes would find half of it gone.
    if (state.stopping) throw new Fault('node-stopping' satisfies ApiRefusalCode)
  })
  server.setErrorHandler((error: FastifyError | Fault, request, reply) => {
    const fault = faultOf(error, request)
    const { status } = explain(fault)
    if (status === 500) log(`api: ${request.method} ${request.routeOptions.url}: ${error.stack ?? error.message}`)
    return reply.code(status).send(refusalOf(fault))
  })
  server.setNotFoundHandler((request) => {
    throw new Fault('path-unknown', { method: request.method, path: request.url.slice(0, 80) })
  })

  for (const [name, route] of Object.entries(routes) as [keyof typeof routes, Route][]) {
    const { method, path: url, params, query, body, response } = route
    server.route({
      method,
      url,
      schema: {
        ...(params === undefined ? {} : { params }),
        querystring: query ?? emptyQuery,
        ...(body === undefined ? {} : { body }),
        ...(route.stream ? {} : { response: { 200: response } }),
      },
      handler:
        name === 'events'
          ? (_request, reply) => {
              events.add(reply.raw)
              reply.hijack()
            }
          : (request) => {
              const key = request.headers['idempotency-key']
              if (method === 'GET' || key === undefined) return answer(calls[name], request)
              const work = () => answer(calls[name], request, String(key))
              return repeats.once(String(key), [method, request.url, JSON.stringify(request.body ?? {})], work)
            },
    })
  }
  return server
}

const openPaths: ReadonlySet<string> = new Set(
  Object.values(routes)
    .filter((route: Route) => route.open)
    .map(({ path }) => path),
)
const emptyQuery = { type: 'object', additionalProperties: false }

/** The schemas have checked every part, and no route names a field twice. */
function answer(call: unknown, { params, query, body }: FastifyRequest, key?: string): Promise<unknown> {
  assert(typeof call === 'function', 'every route has its call')
  return call({ ...(params as object), ...(query as object), ...(body as object) }, key)
}

/** What Fastify says, in our codes; whatever else is thrown is our own mistake. */
function faultOf(error: FastifyError | Fault, request: FastifyRequest): Fault {
  if (error instanceof Fault) return error
  const [wrong] = error.validation ?? []
  if (wrong !== undefined) {
    const at = `${error.validationContext}${wrong.instancePath}`
    const unknown = wrong.params.additionalProperty
    return new Fault('request-invalid' satisfies ApiRefusalCode, {
      at,
      why: unknown === undefined ? wrong.message : `has an unknown field ${JSON.stringify(unknown).slice(0, 80)}`,
    })
  }
  const { statusCode = 500 } = error
  if (statusCode === 413) return new Fault('body-too-large' satisfies ApiRefusalCode, { maxBodyBytes })
  if (statusCode === 415) return new Fault('content-type-not-json' satisfies ApiRefusalCode)
  if (statusCode >= 400 && statusCode < 500) {
    return new Fault(
      (request.routeOptions.url === undefined ? 'request-malformed' : 'body-malformed') satisfies ApiRefusalCode,
    )
  }
  return new Fault('internal' satisfies ApiRefusalCode)
}

function refusalOf(fault: Fault): RefusalJson {
  const { what, todo } = explain(fault)
  const facts = Object.fromEntries(Object.entries(toJson(fault.facts)).filter(([, fact]) => fact !== undefined))
  return { code: fault.code, message: todo === '' ? what : `${what} ${todo}`, facts: facts as RefusalJson['facts'] }
}

const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|localhost|::1)$/.test(host)
