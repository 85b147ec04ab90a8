/**
 * Exchange as a stream, beside the HTTP calls on the same port: for providers, or whoever serves many of them, with volume.
 * Whoever opens one signs the request as every other private one is signed; what it may send is counted against that name.
 *
 * @module
 */

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { addressBlock } from '@myst/program'
import {
  type Crypto,
  type Domain,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  maxStreamBytes,
  openRequest,
  streamReplySchema,
  streamRequestSchema,
} from '@myst/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import { type ExchangeFrom, type Party, tooFast } from './admission.ts'

export interface StreamServer {
  readonly connections: number
  close(): void
}

export interface StreamDeps {
  readonly exchange: ExchangeFrom
  readonly crypto: Crypto
  readonly domain: Domain
  readonly now: () => number
  /** Whether the address that a proxy names is who asks; only where nobody else can reach the port. */
  readonly trustProxy: boolean
  readonly log: (line: string) => void
}

const path = '/v1/exchange'
const opening = { method: 'GET', path, body: new Uint8Array() }
/** Of everybody, and of one address: a file descriptor and some buffers each. */
const maxConnections = 1024
/** A thirty-second of all: one address can't keep the others out. */
const maxPerAddress = 32
/** Unanswered batches of one connection; one more is refused, and may come again. */
const maxUnanswered = 256
/** Answers that the other side does not take; then it is not read until it has. */
const maxUnsentBytes = 4 << 20
/** Who is above its rate is not read for so long. */
const restMs = 500
/** Who does not answer a ping within the next one is gone. */
const pingEveryMs = 30_000

const busy: ExchangeReply = { kind: 'refused', code: 'accountant-unavailable', why: 'connection-busy' }

/** WebSocket close codes, RFC 6455 §7.4.1. */
const [goingAway, cannotAccept] = [1001, 1003]

export function serveStream(server: Server, deps: StreamDeps): StreamServer {
  const { crypto, domain } = deps
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxStreamBytes, perMessageDeflate: false })
  const perAddress = new Map<string, number>()
  const silent = new WeakSet<WebSocket>()

  /** The last one a proxy added: what stands before it was said by the client. */
  function addressOf({ headers, socket }: IncomingMessage): string {
    const forwarded = deps.trustProxy
      ? String(headers['x-forwarded-for'] ?? '')
          .split(',')
          .at(-1)
          ?.trim()
      : ''
    return addressBlock(forwarded || (socket.remoteAddress ?? ''))
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url !== path) return refuse(socket, '404 Not Found')
    const opened = openRequest(crypto, domain, request.headers.authorization, opening, deps.now())
    if (!opened.ok) return refuse(socket, '401 Unauthorized')
    const address = addressOf(request)
    const own = perAddress.get(address) ?? 0
    if (sockets.clients.size >= maxConnections || own >= maxPerAddress) return refuse(socket, '503 Service Unavailable')
    perAddress.set(address, own + 1)
    socket.once('close', () => {
      const left = (perAddress.get(address) ?? 1) - 1
      if (left === 0) perAddress.delete(address)
      else perAddress.set(address, left)
    })
    sockets.handleUpgrade(request, socket, head, (stream) => serve(stream, { identity: opened.value, address }))
  }

  function serve(socket: WebSocket, from: Party): void {
    let unanswered = 0
    let resting: NodeJS.Timeout | undefined

    function send(id: bigint, reply: ExchangeReply): void {
      socket.send(encodeMessage(streamReplySchema, { id, reply }), () => {
        if (socket.isPaused && !resting && socket.bufferedAmount < maxUnsentBytes) socket.resume()
      })
      if (socket.bufferedAmount >= maxUnsentBytes) socket.pause()
    }

    /** A flood costs what is read of it, even where all of it is refused. */
    function rest(): void {
      socket.pause()
      resting ??= setTimeout(() => {
        resting = undefined
        if (socket.bufferedAmount < maxUnsentBytes) socket.resume()
      }, restMs)
    }

    async function answer(data: Uint8Array): Promise<void> {
      const request = decodeMessage(streamRequestSchema, data, maxStreamBytes)
      if (!request.ok) return socket.close(cannotAccept, request.refusal.code)
      const { id, batch } = request.value
      if (unanswered >= maxUnanswered) return send(id, busy)
      unanswered += 1
      try {
        const reply = await deps.exchange(batch, from)
        send(id, reply)
        if (reply === tooFast) rest()
      } finally {
        unanswered -= 1
      }
    }

    socket.on('message', (data: Buffer) => {
      // A view is enough: what is decoded is copied out of it.
      answer(new Uint8Array(data.buffer, data.byteOffset, data.length)).catch((bug: Error) => {
        deps.log(`exchange stream: ${bug.stack}`)
        socket.terminate()
      })
    })
    socket.once('close', () => clearTimeout(resting))
    socket.on('pong', () => silent.delete(socket))
    // Too large or misshapen: ws closes it with the right code.
    socket.on('error', () => {})
  }

  server.on('upgrade', upgrade)
  const pinging = setInterval(() => {
    for (const socket of sockets.clients) {
      if (silent.has(socket)) socket.terminate()
      else {
        silent.add(socket)
        socket.ping()
      }
    }
  }, pingEveryMs)
  pinging.unref()

  return {
    get connections() {
      return sockets.clients.size
    },
    close() {
      clearInterval(pinging)
      server.off('upgrade', upgrade)
      for (const socket of sockets.clients) socket.close(goingAway, 'closing')
    },
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
}
