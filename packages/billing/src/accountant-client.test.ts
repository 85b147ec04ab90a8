/**
 * What the client puts on the wire, and what it makes of an answer: an HTTP server on loopback that checks who asks.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import {
  type Address,
  referenceCrypto as crypto,
  decodeMessage,
  encodeMessage,
  type FastExitReply,
  fastExitReplySchema,
  fastExitSchema,
  openRequest,
  type ResignReply,
  resignReplySchema,
  zeroAddress,
} from '@myst/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AccountantClient, createAccountantClient } from './accountant-client.ts'
import { systemClock } from './clock.ts'
import { deriveKeys } from './keys.ts'

const keys = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const accountant: Address = `0x${'cc'.repeat(20)}`
const domain = { chainId: 31337n, verifyingContract: accountant }

let server: Server
let client: AccountantClient
/** Of the last request. */
let asked: { readonly path: string; readonly signer: Address | undefined; readonly body: Uint8Array }
let answer: { readonly status: number; readonly body: Uint8Array; readonly isEndless?: boolean }
/** To whoever takes an endless answer. */
let sentBytes: number

beforeEach(async () => {
  server = createServer(async (request, response) => {
    const body = new Uint8Array(await buffer(request))
    const { method = '', url: path = '' } = request
    const opened = openRequest(crypto, domain, request.headers.authorization, { method, path, body }, Date.now())
    asked = { path: `${method} ${path}`, signer: opened.ok ? opened.value : undefined, body }
    response.writeHead(answer.status)
    if (!answer.isEndless) return void response.end(answer.body)
    sentBytes = 0
    const send = () => {
      do sentBytes += answer.body.length
      while (response.write(answer.body) && sentBytes < endlessBytes)
    }
    response.on('drain', send)
    send()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  client = createAccountantClient({ crypto, clock: systemClock }, keys, domain, {
    address: accountant,
    operator: accountant,
    url,
  })
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

/** More than sockets and buffers hold. */
const endlessBytes = 256 << 20

const exit = {
  amount: 5n,
  beneficiary: keys.identity,
  transactor: zeroAddress,
  fee: 0n,
  nonce: 7n,
  deadline: 2n ** 40n,
}
const replies: readonly FastExitReply[] = [
  { kind: 'signed', signature: new Uint8Array(65).fill(3) },
  { kind: 'refused', code: 'fast-exit-over-capacity', available: 4n },
]

test.each(replies)('asks in its own name for a fast exit: $kind', async (reply) => {
  answer = { status: 200, body: encodeMessage(fastExitReplySchema, reply) }
  expect(await client.fastExit(exit)).toEqual(reply)
  expect(asked).toMatchObject({ path: 'POST /v1/fast-exit', signer: keys.identity })
  expect(decodeMessage(fastExitSchema, asked.body)).toEqual({ ok: true, value: exit })
})

test('asks in its own name for its newest promise in the present signature', async () => {
  const newest = {
    provider: keys.identity,
    amount: 9n,
    hashlock: `0x${'07'.repeat(32)}` as const,
    epoch: 3n,
    signature: new Uint8Array(65).fill(1),
  }
  const reply: ResignReply = { newest, next: { operator: accountant, signature: new Uint8Array(65).fill(2) } }
  answer = { status: 200, body: encodeMessage(resignReplySchema, reply) }
  expect(await client.resign()).toEqual(reply)
  expect(asked).toMatchObject({ path: 'POST /v1/resign', signer: keys.identity, body: new Uint8Array() })
})

test.each([
  ['accountant-refused', 404],
  ['accountant-unreachable', 200],
])('what is no answer is a fault: %s', async (code, status) => {
  answer = { status, body: Uint8Array.of(0xff) }
  await expect(client.resign()).rejects.toMatchObject({ code })
  await expect(client.fastExit(exit)).rejects.toMatchObject({ code })
})

test('an answer without end is left when it is longer than any answer', async () => {
  answer = { status: 200, body: new Uint8Array(65_536), isEndless: true }
  await expect(client.resign()).rejects.toMatchObject({ code: 'accountant-unreachable' })
  expect(sentBytes).toBeLessThan(endlessBytes / 8)
})
