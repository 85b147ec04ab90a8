/**
 * Who may ask: checks on a request's head, before its body is read and before any route runs.
 *
 * @module
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { ApiRefusalCode } from '@myst/api'
import { Fault } from '@myst/protocol'
import { sameToken } from './api-token.ts'

export interface Gate {
  readonly token: string
  /** Names with ports; undefined on a Unix socket, which no web page can reach. */
  readonly hosts?: ReadonlySet<string>
}

export interface Head {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** A route that is asked without a token. */
  readonly open: boolean
}

const refusal = (code: ApiRefusalCode, facts?: Record<string, string>) => new Fault(code, facts)
/** Of text from outside that goes back in an answer. */
const maxEchoLength = 80

/** @throws Fault with the first rule that the request breaks. */
export function checkHead({ token, hosts }: Gate, { method, headers, open }: Head): void {
  const { host = '', origin, authorization } = headers
  if (hosts !== undefined && !hosts.has(host.toLowerCase())) {
    throw refusal('host-not-allowed', { host: host.slice(0, maxEchoLength) })
  }
  if (origin !== undefined && !isOwnOrigin(hosts, origin)) {
    throw refusal('origin-not-allowed', { origin: origin.slice(0, maxEchoLength) })
  }
  if (!open) {
    const given = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
    if (given === undefined) throw refusal('token-missing')
    if (!sameToken(given, token)) throw refusal('token-wrong')
  }
  const writes = method === 'POST' || method === 'PUT'
  if (writes && !/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) {
    throw refusal('content-type-not-json')
  }
}

function isOwnOrigin(hosts: Gate['hosts'], origin: string): boolean {
  return origin.startsWith('http://') && (hosts?.has(origin.slice('http://'.length).toLowerCase()) ?? false)
}

/** The names of a loopback listener: what it was told to be, and what people call it. */
export function hostsOf(host: string, port: number): ReadonlySet<string> {
  const names = new Set([host.includes(':') ? `[${host}]` : host, '127.0.0.1', 'localhost', '[::1]'])
  return new Set([...names].flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])))
}
