/**
 * Exchange as a stream, beside the HTTP calls on the same port: for providers, or whoever serves many of them, with volume.
 *
 * @module
 */

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  maxStreamBytes,
  type SignedContent,
  streamReplySchema,
  streamRequestSchema,
} from '@myst/protocol'
import { type WebSocket, WebSocketServer } from 'ws'

export interface StreamServer {
  readonly connections: number
  close(): void
}

export interface StreamDeps {
  exchange(signed: SignedContent): Promise<ExchangeReply>
  readonly log: (line: string) => void
}

const path = '/v1/exchange'
/** Of everybody, and of one address: a file descriptor and some buffers each. */
const maxConnections = 1024
const maxPerAddress = 32
/** Unanswered batches of one connection; one more is refused, and may come again. */
const maxUnanswered = 256
/** Answers that the other side does not take; then it is not read until it has. */
const maxUnsentBytes = 4 << 20
/** Who does not answer a ping within the next one is gone. */
const pingEveryMs = 30_000

const busy: ExchangeReply = { kind: 'refused', code: 'accountant-unavailable', why: 'connection-busy' }

/** WebSocket close codes, RFC 6455 §7.4.1. */
const [goingAway, cannotAccept] = [1001, 1003]

export function serveStream(server: Server, deps: StreamDeps): StreamServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: maxStreamBytes, perMessageDeflate: false })
  const perAddress = new Map<string, number>()
  const silent = new WeakSet<WebSocket>()

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = request.socket.remoteAddress ?? ''
    const own = perAddress.get(address) ?? 0
    if (request.url !== path) return refuse(socket, '404 Not Found')
    if (sockets.clients.size >= maxConnections || own >= maxPerAddress) return refuse(socket, '503 Service Unavailable')
    perAddress.set(address, own + 1)
    socket.once('close', () => {
      const left = (perAddress.get(address) ?? 1) - 1
      if (left === 0) perAddress.delete(address)
      else perAddress.set(address, left)
    })
    sockets.handleUpgrade(request, socket, head, serve)
  }

  function serve(socket: WebSocket): void {
    let unanswered = 0

    function send(id: bigint, reply: ExchangeReply): void {
      socket.send(encodeMessage(streamReplySchema, { id, reply }), () => {
        if (socket.isPaused && socket.bufferedAmount < maxUnsentBytes) socket.resume()
      })
      if (socket.bufferedAmount >= maxUnsentBytes) socket.pause()
    }

    async function answer(data: Uint8Array): Promise<void> {
      const request = decodeMessage(streamRequestSchema, data, maxStreamBytes)
      if (!request.ok) return socket.close(cannotAccept, request.refusal.code)
      const { id, batch } = request.value
      if (unanswered >= maxUnanswered) return send(id, busy)
      unanswered += 1
      try {
        send(id, await deps.exchange(batch))
      } finally {
        unanswered -= 1
      }
    }

    socket.on('message', (data: Buffer) => {
      answer(new Uint8Array(data)).catch((bug: Error) => {
        deps.log(`exchange stream: ${bug.stack}`)
        socket.terminate()
      })
    })
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
