/**
 * Payments without a VPN: an HTTP API that is paid by the request, as `examples/metered-api.ts` shows it, against a real
 * accountant on a real chain. And shops and customers who don't play by the rules.
 */

import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createAccountantClient,
  deriveKeys,
  openPurse,
  openShop,
  type Purse,
  payingClient,
  pricePerUnit,
  type Shop,
  sellRequests,
  shopPaths,
  systemClock,
  tabHeader,
} from '@myst/billing'
import { loadNativeCrypto } from '@myst/crypto-native'
import { decodeMessage, myst, paymentMessageSchema, toHex } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type MoneyWorld, openMoneyWorld, type Pair } from './money.fixture.ts'
import { createPrograms, type Programs } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.64.1'
const examplePath = fileURLToPath(new URL('../examples/metered-api.ts', import.meta.url))
const perRequest = myst / 5000n
const terms = { mostPerRequest: perRequest, budget: myst / 10n }
let money: MoneyWorld
let pair: Pair
let programs: Programs
const opened: { close(): unknown }[] = []

beforeAll(async () => {
  money = await openMoneyWorld(crypto, host)
  programs = createPrograms(() => money.world.dir)
  await money.startUp()
}, 60_000)

afterAll(async () => {
  programs?.killAll()
  await money?.close()
})

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function anyPair(): Promise<Pair> {
  pair = await money.newPair(5n * myst)
  return pair
}

/** What Bob's accountant has promised him, after its fee. */
async function promisedTo({ bobKey }: Pair): Promise<bigint> {
  const [accountant] = money.world.profile.accountants
  if (accountant === undefined) throw new Error('the profile names one')
  const domain = { chainId: money.world.profile.chainId, verifyingContract: accountant.address }
  const keys = deriveKeys(crypto, bobKey)
  const standing = await createAccountantClient(
    { crypto, clock: systemClock },
    keys,
    domain,
    accountant,
  ).providerStanding()
  return standing.newest?.amount ?? 0n
}

const own = (privateKey: Uint8Array) => ({ profile: money.world.profile, privateKey })
const afterFee = (gross: bigint) => (gross * 95n) / 100n

interface OpenShop {
  readonly shop: Shop
  readonly url: string
  readonly served: () => number
}

/** @param store its disk. */
async function anyShop({ bobKey }: Pair, price = perRequest, store = createMemoryStore()): Promise<OpenShop> {
  const shop = await openShop({ crypto, store }, { ...own(bobKey), policy: { minInvoiceMs: 600 } })
  let served = 0
  const server: Server = createServer(
    sellRequests(shop, price, (_request, response) => {
      served += 1
      response.end(String(served))
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  opened.push({
    async close() {
      server.closeAllConnections()
      server.close()
      await shop.close()
    },
  })
  return { shop, url: `http://${host}:${port}`, served: () => served }
}

const anyPurse = ({ aliceKey }: Pair): Promise<Purse> =>
  openPurse({ crypto, store: createMemoryStore() }, own(aliceKey))

test('the example: every request is paid, to the wei, also after the seller lost its disk', async () => {
  const { aliceKey, bobKey } = await anyPair()
  for (const [name, key] of Object.entries({ alice: aliceKey, bob: bobKey })) {
    writeFileSync(join(money.world.dir, `${name}.key`), `${toHex(key)}\n`)
  }
  const at = `${host}:8402`
  const sold: string[] = []
  for (const [round, times] of [20, 5].entries()) {
    const seller = programs.start(examplePath, ['sell', 'network.json', 'bob.key', at])
    await expect.poll(seller.said, { timeout: 20_000 }).toContain('sells at')
    const buyer = await programs.start(examplePath, ['buy', 'network.json', 'alice.key', at, String(times)]).ended
    expect(buyer.stderr).toBe('')
    expect(buyer.stdout).toContain(`pays from ${pair.channel}\n`)
    expect(buyer.stdout).toContain(`${times} is an interesting number\n`)
    expect(buyer.stdout).toContain(`${times} requests; promised so far ${round === 0 ? '0.004' : '0.005'}`)
    seller.child.kill(round === 0 ? 'SIGINT' : 'SIGTERM')
    sold.push((await seller.ended).stdout)
    rmSync(join(money.world.dir, 'sell.db'))
  }
  expect(sold[0]).toContain('served 20, earned 0.0038, the accountant 0.0002')
  expect(await promisedTo(pair)).toBe(afterFee(25n * perRequest))
}, 60_000)

test('who does not pay is not served', async () => {
  const { url, served } = await anyShop(await anyPair())
  expect((await fetch(url)).status).toBe(401)
  const purse = await anyPurse(pair)
  const { provider } = (await (await fetch(url + shopPaths.offer)).json()) as { provider: `0x${string}` }
  const asked = await purse.ask(provider as never, shopPaths.tab)
  const tab = await fetch(url + shopPaths.tab, { ...asked, body: Buffer.from(asked.body) })
  expect(tab.status).toBe(402)
  const message = decodeMessage(paymentMessageSchema, new Uint8Array(await tab.arrayBuffer()))
  if (!message.ok || message.value.kind !== 'invoice') throw new Error('an invoice')
  const headers = { [tabHeader]: message.value.invoice.agreementId }
  for (let asks = 0; asks < 5; asks++) expect((await fetch(url, { headers })).status).toBe(402)
  expect(served()).toBe(0)
})

test('a statement of somebody else, or a request for another shop, opens no tab', async () => {
  const { shop, url } = await anyShop(await anyPair())
  const purse = await anyPurse(pair)
  const mallory = await anyPurse(await money.newPair(myst))
  const path = shopPaths.tab
  const post = async ({ headers, body }: { headers: Record<string, string>; body: Uint8Array }) => {
    const response = await fetch(url + path, { method: 'POST', headers, body: Buffer.from(body) })
    return [response.status, await response.json()]
  }
  const [hers, his] = await Promise.all([purse.ask(shop.provider, path), mallory.ask(shop.provider, path)])
  expect(await post({ headers: his.headers, body: hers.body })).toEqual([403, { code: 'request-for-other' }])
  const elsewhere = await purse.ask(mallory.consumer, path)
  expect(await post(elsewhere)).toEqual([403, { code: 'request-wrong-signer' }])
})

test('a shop that is dearer than agreed, or asks for more than was had, gets nothing', async () => {
  const dear = await anyShop(await anyPair(), perRequest + 1n)
  await expect(payingClient(await anyPurse(pair), dear.url, terms)).rejects.toThrow('shop-too-dear')
  const { shop, url } = await anyShop(await anyPair())
  const purse = await anyPurse(pair)
  const client = await payingClient(purse, url, terms)
  await client.fetch('/')
  const before = purse.promised
  const { open } = shop
  const asked = await purse.ask(shop.provider, '/')
  const tab = open(asked, asked.headers.authorization, host, pricePerUnit(perRequest))
  if (!tab.ok || tab.value.due === undefined) throw new Error('a tab')
  const bill = {
    provider: shop.provider,
    agreementId: tab.value.agreementId,
    price: pricePerUnit(perRequest),
    budget: myst,
  }
  const invoice = { ...tab.value.due, total: 100n * perRequest }
  expect(purse.pay(invoice, bill, { durationMs: 1n, bytes: 0n })).toMatchObject({
    refusal: { code: 'invoice-over-measured' },
  })
  expect(purse.promised).toBe(before)
})

test('the budget is the end of it', async () => {
  const { url, served } = await anyShop(await anyPair())
  const purse = await anyPurse(pair)
  const client = await payingClient(purse, url, { ...terms, budget: 2n * perRequest })
  const bought = async () => {
    for (let asks = 0; asks < 60; asks++) {
      await client.fetch('/')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  await expect(bought()).rejects.toThrow('invoice-refused')
  expect(purse.promised).toBeLessThanOrEqual(2n * perRequest)
  expect(BigInt(served()) * perRequest).toBeLessThanOrEqual(60n * perRequest)
}, 30_000)

test('a shop that starts anew in the middle loses nothing, and its customer goes on', async () => {
  const store = createMemoryStore()
  const first = await anyShop(await anyPair(), perRequest, store)
  const purse = await anyPurse(pair)
  const client = await payingClient(purse, first.url, terms)
  for (let asks = 0; asks < 3; asks++) await client.fetch('/')
  // What is due by then is lost with the process: at most what runs on credit.
  for (const one of opened.splice(0)) await one.close()
  const second = await anyShop(pair, perRequest, store)
  const again = await payingClient(purse, second.url, terms)
  for (let asks = 0; asks < 3; asks++) await again.fetch('/')
  expect(await again.close()).toBe(true)
  await second.shop.desk.flush()
  expect(await promisedTo(pair)).toBe(afterFee(purse.promised))
})
