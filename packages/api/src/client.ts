/**
 * The typed client: a method for every route, whose types follow from the route table.
 *
 * What the node refuses is thrown as the `Fault` it was there, with its code and facts.
 *
 * @module
 */

import { type IncomingMessage, request } from 'node:http'
import { Fault } from '@myst/protocol'
import { Check } from 'typebox/value'
import type { InputOf, OutputOf, Route } from './route.ts'
import { type CallName, type Routes, routes } from './routes.ts'
import { refusalSchema } from './schemas.ts'
import { decodeEvents } from './server-sent-events.ts'

export type ApiAccess =
  | { readonly socketPath: string; readonly token: string }
  | { readonly url: string; readonly token: string }

export interface CallOptions {
  readonly signal?: AbortSignal
  /** In place of the route's own limit. */
  readonly timeoutMs?: number
  /** Of a write: asked again with it, the node answers what it answered, and does nothing twice. */
  readonly idempotencyKey?: string
}

type Arguments<R> =
  Record<never, never> extends InputOf<R>
    ? [input?: InputOf<R>, options?: CallOptions]
    : [input: InputOf<R>, options?: CallOptions]

export type ApiClient = {
  readonly [N in CallName]: (...args: Arguments<Routes[N]>) => Promise<OutputOf<Routes[N]>>
} & {
  /** The status now and after every change, until the signal, the caller or the node ends it. */
  events(options?: CallOptions): AsyncGenerator<OutputOf<Routes['events']>, void>
}

type Values = Readonly<Record<string, unknown>>

/** Ten thousand proposals are 4 MiB. */
const maxAnswerBytes = 16 * 1024 * 1024

export function createApiClient(access: ApiAccess): ApiClient {
  const place = 'socketPath' in access ? { socketPath: access.socketPath } : { url: access.url }

  function exchange(route: Route, input: Values, { signal, idempotencyKey }: CallOptions): Promise<IncomingMessage> {
    const body = route.body === undefined ? undefined : JSON.stringify(pick(route.body, input))
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...target(access),
        path: pathOf(route, input),
        method: route.method,
        agent: false,
        ...(signal === undefined ? {} : { signal }),
        headers: {
          authorization: `Bearer ${access.token}`,
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      })
      outgoing.on('error', reject)
      outgoing.once('response', resolve)
      outgoing.end(body)
    })
  }

  async function call(route: Route, input: Values = {}, options: CallOptions = {}): Promise<unknown> {
    const timeoutMs = options.timeoutMs ?? route.timeoutMs
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal])
    try {
      return await answerOf(route, await exchange(route, input, { ...options, signal }))
    } catch (cause) {
      options.signal?.throwIfAborted()
      if (timeout.aborted) throw new Fault('node-timeout', { ...place, timeoutMs }, { cause })
      throw faultOf(cause)
    }
  }

  async function* events(options: CallOptions = {}): AsyncGenerator<OutputOf<Routes['events']>, void> {
    try {
      const response = await exchange(routes.events, {}, options)
      if (response.statusCode !== 200) throw refusalOf(await read(response))
      for await (const status of decodeEvents(response, maxAnswerBytes)) {
        if (!Check(routes.events.response, status)) throw new Fault('node-answer-invalid', { ...place })
        yield status
      }
    } catch (cause) {
      if (!options.signal?.aborted) throw faultOf(cause)
    }
  }

  async function answerOf(route: Route, response: IncomingMessage): Promise<unknown> {
    const answer = await read(response)
    if (response.statusCode !== 200) throw refusalOf(answer)
    if (!Check(route.response, answer)) throw new Fault('node-answer-invalid', { ...place, path: route.path })
    return answer
  }

  async function read(response: IncomingMessage): Promise<unknown> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxAnswerBytes) throw new Fault('node-answer-invalid', { ...place, maxAnswerBytes })
      chunks.push(chunk)
    }
    try {
      return JSON.parse(Buffer.concat(chunks).toString('utf8'))
    } catch (cause) {
      throw new Fault('node-answer-invalid', { ...place, status: response.statusCode }, { cause })
    }
  }

  const faultOf = (cause: unknown): Fault => {
    if (cause instanceof Fault) return cause
    return new Fault('node-unreachable', { ...place, why: (cause as NodeJS.ErrnoException).code }, { cause })
  }

  function refusalOf(answer: unknown): Fault {
    if (!Check(refusalSchema, answer)) return new Fault('node-answer-invalid', { ...place })
    return new Fault(answer.code, answer.facts)
  }

  const calls = Object.entries(routes).map(([name, route]) => [
    name,
    (input?: Values, options?: CallOptions) => call(route, input, options),
  ])
  return { ...Object.fromEntries(calls), events } as ApiClient
}

function target(access: ApiAccess): object {
  if ('socketPath' in access) return { socketPath: access.socketPath }
  const { hostname, port } = new URL(access.url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) }
}

function pathOf({ path, query }: Route, input: Values): string {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(input[name])))
  if (query === undefined) return filled
  const asked = new URLSearchParams(pick(query, input) as Record<string, string>).toString()
  return asked === '' ? filled : `${filled}?${asked}`
}

/** The fields of a schema that the input has. */
const pick = ({ properties }: NonNullable<Route['body']>, input: Values): Values =>
  Object.fromEntries(Object.entries(input).filter(([name, value]) => name in properties && value !== undefined))
