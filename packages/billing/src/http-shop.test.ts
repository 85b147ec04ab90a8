/**
 * A shop and a purse over HTTP, between an accountant that we write here and, where a test says so, a shop that is none.
 */

import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect as connectTo } from 'node:net'
import {
  type Address,
  accountantPromiseStruct,
  type BatchAnswer,
  type Bytes32,
  batchAnswerContent,
  batchContent,
  type CapacityStatement,
  capacityStatementContent,
  channelAddress,
  consumerStandingSchema,
  referenceCrypto as crypto,
  decodeMessage,
  encodeMessage,
  exchangeReplySchema,
  Fault,
  hashTypedData,
  maxBatchBytes,
  type NetworkProfile,
  openContent,
  paymentMessageSchema,
  providerStandingSchema,
  signContent,
  signedContent,
  toHex,
} from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { payingClient } from './http-purse.ts'
import { sellRequests, shopHeader, shopPaths } from './http-shop.ts'
import { openPurse, type Purse } from './purse.ts'
import { openShop, type Shop } from './shop.ts'

const host = '127.0.65.1'
const chainId = 31337n
const milli = 10n ** 15n
const perRequest = milli / 10n
const terms = { mostPerRequest: perRequest, budget: 50n * milli }
const [aliceKey, bobKey, carolKey] = [0xa1, 0xb0, 0xca].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
const carol = toHex(new Uint8Array(20).fill(0xcc)) as Address
const domain = { chainId, verifyingContract: carol }
const contracts = { registry: carol, channelImplementation: carol, token: carol }
const alice = crypto.addressOf(aliceKey)
const channel = channelAddress(crypto, contracts, alice, carol)

let profile: NetworkProfile
let opened: { close(): unknown }[]
/** Carol exchanges nothing. */
let isAway: boolean
/** What Bob's shop logs. */
let lines: string[]

async function listen(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  opened.push({
    close() {
      server.closeAllConnections()
      server.close()
    },
  })
  return `http://${host}:${(server.address() as AddressInfo).port}`
}

async function bodyOf(request: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of request) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}

/** Credits everything, for nothing. */
function exchanged(body: Uint8Array): Uint8Array {
  const signed = decodeMessage(signedContent(maxBatchBytes), body, maxBatchBytes + 1024)
  const batch = signed.ok
    ? openContent(crypto, domain, batchContent, signed.value, crypto.addressOf(bobKey))
    : undefined
  if (!signed.ok || !batch?.ok) throw new Error('no batch')
  const { provider, epoch, hashlock, previousAmount, items } = batch.value
  const verdicts = items.map(({ promise: { agreement } }) => {
    const delta = agreement.total - (credited.get(agreement.id) ?? 0n)
    credited.set(agreement.id, agreement.total)
    return { delta }
  })
  const sum = verdicts.reduce((total, { delta }) => total + delta, 0n)
  const promise = { provider, amount: previousAmount + sum, hashlock }
  const signature = crypto.sign(hashTypedData(crypto, domain, accountantPromiseStruct, promise), carolKey)
  const answer: BatchAnswer = {
    ...{ provider, epoch, digest: toHex(crypto.keccak256(signed.value.content)), feeRate: 0, credited: sum, fee: 0n },
    promise: { ...promise, epoch, signature },
    verdicts,
  }
  return encodeMessage(exchangeReplySchema, {
    kind: 'answered',
    answer: signContent(crypto, domain, batchAnswerContent, answer, carolKey),
  })
}
let credited: Map<Bytes32, bigint>

/** Carol says this instead. */
let stated: Partial<CapacityStatement>
const statement = () =>
  signContent(
    crypto,
    domain,
    capacityStatementContent,
    {
      channel,
      consumer: alice,
      capacity: 1000n * milli,
      promised: 0n,
      exitPending: false,
      issuedAtMs: BigInt(Date.now()),
      ...stated,
    },
    carolKey,
  )

beforeEach(async () => {
  opened = []
  isAway = false
  lines = []
  stated = {}
  credited = new Map()
  const url = await listen(async (request, response) => {
    const body = await bodyOf(request)
    if (isAway && request.url === '/v1/exchange') return void response.writeHead(503).end()
    const answers: Record<string, () => Uint8Array> = {
      '/v1/providers/me': () => encodeMessage(providerStandingSchema, {}),
      '/v1/consumers/me': () => encodeMessage(consumerStandingSchema, { channel, capacity: 1000n * milli }),
      '/v1/capacity-statement': () => encodeMessage(signedContent(1024), statement()),
      '/v1/exchange': () => exchanged(body),
    }
    response.end(answers[request.url ?? '']?.() ?? '')
  })
  profile = {
    ...{ networkId: 'devnet', chainId, contracts, priceScale: 1n },
    accountants: [{ address: carol, operator: crypto.addressOf(carolKey), url }],
  } as unknown as NetworkProfile
})

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

interface AnyShop {
  readonly shop: Shop
  readonly url: string
  readonly served: () => number
}

async function anyShop(policy: object = {}, store = createMemoryStore()): Promise<AnyShop> {
  const shop = await openShop(
    { crypto, store, log: (line) => lines.push(line) },
    { profile, privateKey: bobKey, policy: { minInvoiceMs: 600, ...policy } },
  )
  opened.push(shop)
  let served = 0
  const url = await listen(sellRequests(shop, perRequest, (_, response) => response.end(String(++served))))
  return { shop, url, served: () => served }
}

const anyPurse = (store = createMemoryStore()): Promise<Purse> =>
  openPurse({ crypto, store }, { profile, privateKey: aliceKey })

test('a purse shows no statement of another channel, and none that says it promised what it did not', async () => {
  const purse = await anyPurse()
  const ask = () => purse.ask(carol, '/')
  await ask()
  for (const wrong of [{ channel: alice }, { consumer: carol }, { promised: 1n }]) {
    stated = wrong
    await expect(ask()).rejects.toThrow('accountant-answer-invalid')
  }
})

test('a customer that starts anew in the middle is served again', async () => {
  const { url } = await anyShop()
  const store = createMemoryStore()
  const first = await payingClient(await anyPurse(store), url, terms)
  expect((await first.fetch('/')).status).toBe(200)
  // Its process is killed here.
  const purse = await anyPurse(store)
  expect(purse.recorded(crypto.addressOf(bobKey))).toHaveLength(1)
  const again = await payingClient(purse, url, terms)
  expect((await again.fetch('/')).status).toBe(200)
  expect(await again.close()).toBe(true)
  expect(purse.recorded(crypto.addressOf(bobKey))).toEqual([])
})

/** What a customer does with its purse. */
function watched(purse: Purse) {
  const tabs: Bytes32[] = []
  const ask: Purse['ask'] = (...asked) => {
    asks++
    return purse.ask(...asked)
  }
  const pay: Purse['pay'] = (invoice, bill, usage) => {
    if (tabs.at(-1) !== bill.agreementId) tabs.push(bill.agreementId)
    return purse.pay(invoice, bill, usage)
  }
  let asks = 0
  return { tabs, asks: () => asks, purse: { ...purse, ask, pay } as Purse }
}

test('a customer whose tab is over opens another, and shows again what it promised on the old one', async () => {
  const { url, shop, served } = await anyShop()
  const own = await anyPurse()
  const { purse, tabs } = watched(own)
  const client = await payingClient(purse, url, terms)
  await client.fetch('/')
  shop.tab(tabs[0] as Bytes32)?.close()
  expect((await client.fetch('/')).status).toBe(200)
  expect(tabs).toHaveLength(2)
  expect(own.recorded(shop.provider)).toEqual([])
  expect([client.requests, served()]).toEqual([2n, 2])
  expect(await client.close()).toBe(true)
})

test('a tab that was closed is not written again: nothing of it stays', async () => {
  const store = createMemoryStore()
  const { url, shop } = await anyShop({}, store)
  const { purse, tabs } = watched(await anyPurse())
  const client = await payingClient(purse, url, terms)
  await client.fetch('/')
  const tab = shop.tab(tabs[0] as Bytes32)
  await expect.poll(() => tab?.state.creditedTotal).toBe(tab?.state.paidTotal)
  tab?.close()
  expect(tab?.finish({ durationMs: 50n, bytes: 0n })).toBeUndefined()
  expect([...store.load('provider-agreements')]).toEqual([])
})

test('a disk that fails: nothing is served, and the operator hears why; its customer does not', async () => {
  const disk = createMemoryStore()
  let full = false
  const commit: RecordStore['commit'] = (writes) => {
    if (full) throw new Fault('store-failed')
    disk.commit(writes)
  }
  const { url, served } = await anyShop({}, { ...disk, commit })
  full = true
  const purse = await anyPurse()
  await expect(payingClient(purse, url, terms).then((client) => client.fetch('/'))).rejects.toThrow(
    'status=500 why={"code":"internal"}',
  )
  expect(served()).toBe(0)
  expect(lines.join()).toBe('POST /.well-known/myst/tab failed: store-failed')
  full = false
})

test('who hangs up in the middle of a request leaves no line in the log', async () => {
  const { url } = await anyShop()
  const { hostname, port } = new URL(url)
  const socket = connectTo(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(`POST ${shopPaths.tab} HTTP/1.1\r\nHost: shop\r\nContent-Length: 1000\r\n\r\nshort`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  expect((await fetch(url + shopPaths.promises, { method: 'POST', body: 'x' })).status).toBe(400)
  expect(lines).toEqual([])
})

test('many requests at once share one tab', async () => {
  const { url, served } = await anyShop()
  const own = await anyPurse()
  const { purse, asks } = watched(own)
  const client = await payingClient(purse, url, terms)
  const answers = await Promise.all(Array.from({ length: 8 }, () => client.fetch('/')))
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
  expect([asks(), served(), client.requests]).toEqual([1, 8, 8n])
  expect(await client.close()).toBe(true)
  expect(own.promised).toBe(8n * perRequest)
})

test('the same promise twice is no refusal', async () => {
  const { url } = await anyShop()
  const purse = await anyPurse()
  const asked = await purse.ask(crypto.addressOf(bobKey), shopPaths.tab)
  const tab = await fetch(url + shopPaths.tab, { ...asked, body: Buffer.from(asked.body) })
  const message = decodeMessage(paymentMessageSchema, new Uint8Array(await tab.arrayBuffer()))
  if (!message.ok || message.value.kind !== 'invoice') throw new Error('an invoice')
  const { invoice } = message.value
  const price = { perHour: perRequest * 3_600_000n, perGib: 0n }
  const bill = { provider: crypto.addressOf(bobKey), agreementId: invoice.agreementId, price, budget: milli }
  const promise = purse.pay(invoice, bill, { durationMs: 1n, bytes: 0n })
  if (!promise.ok) throw new Error(promise.refusal.code)
  const body = Buffer.from(encodeMessage(paymentMessageSchema, { kind: 'promises', promises: [promise.value] }))
  const send = async () => (await fetch(url + shopPaths.promises, { method: 'POST', body })).status
  expect([await send(), await send()]).toEqual([200, 200])
})

test('while the accountant is away a tab ends; when it is back, its customer is served on another', async () => {
  const { url } = await anyShop({ graceMs: 3000, firstCredit: perRequest, maxCredit: perRequest })
  const client = await payingClient(await anyPurse(), url, terms)
  isAway = true
  const status = () =>
    client.fetch('/').then(
      (response) => response.status,
      (fault: Error) => fault.message,
    )
  await expect.poll(status, { timeout: 25_000 }).not.toBe(200)
  isAway = false
  await expect.poll(status, { timeout: 25_000 }).toBe(200)
}, 60_000)

test('one customer holds a few tabs, however many it opens', async () => {
  const { url, shop } = await anyShop()
  const purse = await anyPurse()
  const asked = await purse.ask(shop.provider, shopPaths.tab)
  const ids = new Set<string>()
  for (let tabs = 0; tabs < 12; tabs++) {
    const answer = await fetch(url + shopPaths.tab, { ...asked, body: Buffer.from(asked.body) })
    const message = decodeMessage(paymentMessageSchema, new Uint8Array(await answer.arrayBuffer()))
    if (message.ok && message.value.kind === 'invoice') ids.add(message.value.invoice.agreementId)
  }
  expect([...ids].filter((id) => shop.tab(id) !== undefined).length).toBeLessThanOrEqual(4)
})

/** Takes money for tabs, and serves nobody. */
async function anyCheat(invoiceTotal: bigint): Promise<string> {
  let tabs = 0
  return listen(async (request, response) => {
    await bodyOf(request)
    if (request.url === shopPaths.offer) {
      return void response.end(JSON.stringify({ provider: crypto.addressOf(bobKey), perRequest: String(perRequest) }))
    }
    if (request.url === shopPaths.tab) {
      const id = toHex(new Uint8Array(32).fill(++tabs))
      const hashlock = toHex(new Uint8Array(32).fill(7))
      const invoice = { agreementId: id, total: invoiceTotal, hashlock, durationMs: 0n, bytes: 0n }
      return void response.writeHead(402).end(encodeMessage(paymentMessageSchema, { kind: 'invoice', invoice }))
    }
    if (request.url === shopPaths.promises) return void response.end('{}')
    response.writeHead(401, { [shopHeader]: '1' }).end('{"code":"tab-unknown"}')
  })
}

test('a shop that takes a first payment over and over, and serves nothing, gets no more than the budget of the client', async () => {
  const url = await anyCheat(2n * milli)
  const purse = await anyPurse()
  const client = await payingClient(purse, url, { ...terms, budget: 10n * milli })
  for (let asks = 0; asks < 12; asks++) await expect(client.fetch('/')).rejects.toThrow()
  expect(purse.promised).toBeLessThanOrEqual(10n * milli)
})

test('… and two of them at most for one request', async () => {
  const url = await anyCheat(2n * milli)
  const purse = await anyPurse()
  const client = await payingClient(purse, url, terms)
  await expect(client.fetch('/')).rejects.toThrow('shop-refused')
  expect(purse.promised).toBeLessThanOrEqual(4n * milli)
})

test('a shop that says no end of things, or nothing JSON, is refused', async () => {
  const endless = await listen((_, response) => {
    const more = () => {
      if (response.destroyed) return
      response.write(Buffer.alloc(64 << 10, 0x20), () => setImmediate(more))
    }
    more()
  })
  const purse = await anyPurse()
  await expect(payingClient(purse, endless, terms)).rejects.toThrow('shop-refused')
  const html = await listen((_, response) => response.end('<html>'))
  await expect(payingClient(purse, html, terms)).rejects.toThrow('shop-refused')
  const nothing = await listen((_, response) => response.end('null'))
  await expect(payingClient(purse, nothing, terms)).rejects.toThrow('shop-refused')
})
