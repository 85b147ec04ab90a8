/**
 * The stream on a real socket. What it carries is decided behind `exchange`: here each batch waits until the test answers it.
 */

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Domain,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  maxStreamBytes,
  maxStreamReplyBytes,
  referenceCrypto,
  type SignedContent,
  type StreamReply,
  signRequest,
  streamReplySchema,
  streamRequestSchema,
} from '@myst/protocol'
import { bob, carol } from '@myst/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { tooFast } from './admission.ts'
import { type StreamServer, serveStream } from './stream-server.ts'

let server: Server
let streams: StreamServer
let url: string
/** Batches that wait, by their content as a number. */
let waiting: Map<number, (reply: ExchangeReply) => void>
let logged: string[]

beforeEach(async () => {
  waiting = new Map()
  logged = []
  server = createServer((_request, response) => response.end())
  streams = serveStream(server, {
    exchange: ({ content }) => {
      if (content.length === 0) return Promise.reject(new Error('a bug'))
      return new Promise((resolve) => waiting.set((content[0] as number) + 256 * (content[1] ?? 0), resolve))
    },
    crypto: referenceCrypto,
    domain,
    now: Date.now,
    trustProxy: false,
    log: (line) => logged.push(line),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/exchange`
})

afterEach(async () => {
  streams.close()
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
})

const domain = { chainId: 1n, verifyingContract: carol.identity }
const opening = { method: 'GET', path: '/v1/exchange', body: new Uint8Array() }
const authorized = (nowMs = Date.now(), of: Domain = domain) => ({
  headers: { authorization: signRequest(referenceCrypto, of, opening, { ...bob, nowMs }) },
})

async function connect(options = authorized()): Promise<WebSocket> {
  const socket = new WebSocket(url, options)
  await once(socket, 'open')
  return socket
}
const batchOf = (content: Uint8Array): SignedContent => ({ content, signature: new Uint8Array(65) })
const send = (socket: WebSocket, id: bigint, content: Uint8Array) =>
  socket.send(encodeMessage(streamRequestSchema, { id, batch: batchOf(content) }))
const refused = (code: string): ExchangeReply => ({ kind: 'refused', code })

async function nextReply(socket: WebSocket): Promise<StreamReply> {
  const [data] = (await once(socket, 'message')) as [Buffer]
  const decoded = decodeMessage(streamReplySchema, new Uint8Array(data), maxStreamReplyBytes)
  if (!decoded.ok) throw new Error(decoded.refusal.code)
  return decoded.value
}
const closeCode = async (socket: WebSocket): Promise<number> => ((await once(socket, 'close')) as [number])[0]

test('batches are answered in any order, each under its own id', async () => {
  const socket = await connect()
  send(socket, 71n, Uint8Array.of(1))
  send(socket, 72n, Uint8Array.of(2))
  await expect.poll(() => waiting.size).toBe(2)
  const later = nextReply(socket)
  waiting.get(2)?.(refused('two'))
  expect(await later).toEqual({ id: 72n, reply: refused('two') })
  const last = nextReply(socket)
  waiting.get(1)?.(refused('one'))
  expect(await last).toEqual({ id: 71n, reply: refused('one') })
})

test.each([
  { what: 'text', message: 'hello', code: 1003 },
  { what: 'no message of ours', message: Uint8Array.of(0xff, 0xff), code: 1003 },
  { what: 'an empty one', message: new Uint8Array(), code: 1003 },
  { what: 'one byte too long', message: new Uint8Array(maxStreamBytes + 1), code: 1009 },
])('a connection that sends $what is closed, and another goes on', async ({ message, code }) => {
  const [bad, good] = [await connect(), await connect()]
  const closed = closeCode(bad)
  bad.send(message)
  expect(await closed).toBe(code)
  send(good, 1n, Uint8Array.of(1))
  await expect.poll(() => waiting.size).toBe(1)
  expect(logged).toEqual([])
})

test('of one connection 256 batches wait at most; more are refused and may come again', async () => {
  const socket = await connect()
  const replies: StreamReply[] = []
  socket.on('message', (data: Buffer) => {
    const decoded = decodeMessage(streamReplySchema, new Uint8Array(data), maxStreamReplyBytes)
    if (decoded.ok) replies.push(decoded.value)
  })
  for (let index = 0; index < 300; index++) send(socket, BigInt(index), new Uint8Array([index & 0xff, index >> 8]))
  await expect.poll(() => replies.length).toBe(44)
  expect(waiting.size).toBe(256)
  expect(replies[0]).toEqual({
    id: 256n,
    reply: { kind: 'refused', code: 'accountant-unavailable', why: 'connection-busy' },
  })
  waiting.get(0)?.(refused('x'))
  await expect.poll(() => replies.length).toBe(45)
  send(socket, 256n, Uint8Array.of(0, 1))
  await expect.poll(() => waiting.has(256)).toBe(true)
})

test('who is above its rate is told so, and not read for a while', async () => {
  const socket = await connect()
  const replies: string[] = []
  socket.on('message', () => replies.push('reply'))
  for (let index = 1; index <= 3; index++) send(socket, BigInt(index), Uint8Array.of(index))
  await expect.poll(() => waiting.size).toBe(3)
  for (const answer of waiting.values()) answer(tooFast)
  await expect.poll(() => replies.length).toBe(3)
  waiting.clear()
  send(socket, 9n, Uint8Array.of(9))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(waiting.size).toBe(0)
  await expect.poll(() => waiting.has(9), { timeout: 5000 }).toBe(true)
})

test('one address has 32 connections at most, and a place again when one is closed', async () => {
  const all = await Promise.all(Array.from({ length: 32 }, () => connect()))
  await expect(connect()).rejects.toThrow('503')
  all[0]?.close()
  await expect.poll(() => streams.connections).toBe(31)
  await expect
    .poll(() =>
      connect().then(
        () => 'open',
        () => 'refused',
      ),
    )
    .toBe('open')
})

test.each([
  { what: 'unsigned', options: {} },
  {
    what: 'signed for another accountant',
    options: authorized(Date.now(), { ...domain, verifyingContract: bob.identity }),
  },
  { what: 'signed two minutes ago', options: authorized(Date.now() - 120_000) },
])('a connection that is $what is not opened', async ({ options }) => {
  await expect(once(new WebSocket(url, options), 'open')).rejects.toThrow('401')
})

test('other paths are not upgraded', async () => {
  const socket = new WebSocket(url.replace('exchange', 'else'), authorized())
  await expect(once(socket, 'open')).rejects.toThrow('404')
})

test('a bug in one batch ends its connection, is logged, and no other is the worse for it', async () => {
  const [unlucky, other] = [await connect(), await connect()]
  const closed = closeCode(unlucky)
  send(unlucky, 1n, new Uint8Array())
  await closed
  expect(logged.join()).toContain('a bug')
  send(other, 2n, Uint8Array.of(7))
  await expect.poll(() => waiting.size).toBe(1)
})

test('a peer that goes while its batch is under way is no fault', async () => {
  const socket = await connect()
  send(socket, 1n, Uint8Array.of(1))
  await expect.poll(() => waiting.size).toBe(1)
  socket.terminate()
  await expect.poll(() => streams.connections).toBe(0)
  waiting.get(1)?.(refused('late'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(logged).toEqual([])
})
