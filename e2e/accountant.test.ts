/**
 * The accountant over HTTP on a real chain: what it refuses, with which code, and that a refusal changes nothing.
 */

import type { Accountant, AccountantOptions } from '@myst/accountant'
import { createSender } from '@myst/chain'
import { consumerChannelAbi, registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import {
  type Address,
  type Batch,
  type BatchAnswer,
  batchAnswerContent,
  batchContent,
  capacityStatementContent,
  channelAddress,
  decodeMessage,
  derivePreimage,
  type ExitRequest,
  encodeMessage,
  exitRequestStruct,
  hashlockOf,
  hashPromise,
  hashTypedData,
  maxStreamReplyBytes,
  myst,
  noTicks,
  openContent,
  preimageSecret,
  type SignedContent,
  type SignedPromise,
  signContent,
  signedContent,
  signRequest,
  streamReplySchema,
  streamRequestSchema,
  toHex,
  zeroAddress,
  zeroBytes32,
} from '@myst/protocol'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestChain, postBatch, type TestChain } from './chain.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.33.1'
const url = `http://${host}:4060`
const paidIn = 5n * myst
/** 1 MYST is kept for a registration that is still to be paid. */
const capacity = paidIn - myst
const step = myst / 100n
let world: TestChain
let carol: Accountant

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  carol = await start()
}, 30_000)

afterAll(async () => {
  await carol?.close()
  await world?.close()
})

const start = (change: Partial<AccountantOptions> = {}) => world.startAccountant(change)

let seed = 1
const newKey = () => new Uint8Array(32).fill(seed++)
let aliceKey: Uint8Array
let bobKey: Uint8Array

/** A consumer with money on her channel and a provider, both new, so that no test leans on another. */
beforeEach(async () => {
  aliceKey = newKey()
  bobKey = newKey()
  await world.network.faucet(channelOf(crypto.addressOf(aliceKey)), paidIn)
})

const channelOf = (identity: Address) =>
  channelAddress(crypto, world.network.contracts, identity, world.network.accountant)
const domain = () => ({ chainId: world.profile.chainId, verifyingContract: world.network.accountant })
const preimageOf = (epoch: bigint, key = bobKey) =>
  derivePreimage(preimageSecret(key), { chainId: world.profile.chainId, accountant: world.network.accountant }, epoch)
const lockOf = (epoch: bigint, key = bobKey) => hashlockOf(crypto, preimageOf(epoch, key))

function promiseOf(
  amount: bigint,
  change: {
    total?: bigint
    hashlock?: `0x${string}`
    provider?: Address
    channel?: Address
    key?: Uint8Array
    id?: number
  } = {},
): SignedPromise {
  const key = change.key ?? aliceKey
  const agreement = {
    id: toHex(new Uint8Array(32).fill(change.id ?? 1)),
    provider: change.provider ?? crypto.addressOf(bobKey),
    total: change.total ?? amount,
  }
  const promise = { amount, hashlock: change.hashlock ?? lockOf(1n), agreement, ticks: noTicks }
  const channel = change.channel ?? channelOf(crypto.addressOf(aliceKey))
  const signature = crypto.sign(hashPromise(crypto, { chainId: world.profile.chainId, channel }, promise), key)
  return { consumer: crypto.addressOf(aliceKey), promise, signature }
}

const batchOf = (items: readonly SignedPromise[], change: Partial<Batch> = {}): Batch => ({
  provider: crypto.addressOf(bobKey),
  epoch: 1n,
  hashlock: lockOf(change.epoch ?? 1n),
  previousAmount: 0n,
  items,
  ...change,
})

const post = (signed: SignedContent) => postBatch(url, signed)

const send = (batch: Batch, key = bobKey) => post(signContent(crypto, domain(), batchContent, batch, key))

async function answer(batch: Batch): Promise<BatchAnswer> {
  const reply = await send(batch)
  if (reply.kind === 'refused') throw new Error(reply.code)
  const opened = openContent(crypto, domain(), batchAnswerContent, reply.answer, crypto.addressOf(richKeys.operator))
  if (!opened.ok) throw new Error(opened.refusal.code)
  return opened.value
}

const refusedItems: readonly [string, () => SignedPromise][] = [
  ['promise-shape', () => promiseOf(step, { total: 2n * step })],
  ['promise-wrong-provider', () => promiseOf(step, { provider: crypto.addressOf(aliceKey) })],
  ['promise-wrong-lock', () => promiseOf(step, { hashlock: lockOf(7n) })],
  ['promise-total-not-increasing', () => promiseOf(10n ** 11n)],
  ['promise-over-capacity', () => promiseOf(capacity + 1n)],
  ['promise-breaks-prefix', () => promiseOf(3n * step, { total: 3n * step, id: 2 })],
  ['promise-wrong-signer', () => promiseOf(step, { key: bobKey })],
  ['promise-wrong-signer', () => promiseOf(step, { channel: channelOf(crypto.addressOf(bobKey)) })],
]

test.each(refusedItems)('refuses an item: %s, and credits nothing', async (code, item) => {
  const first = code === 'promise-breaks-prefix' ? [promiseOf(2n * step)] : []
  const { verdicts, credited } = await answer(batchOf([...first, item()]))
  expect(verdicts.at(-1)).toMatchObject({ code, delta: 0n })
  expect(credited).toBe(first.length === 0 ? 0n : (2n * step * 95n) / 100n)
})

test('a total that does not grow is refused in the next batch too', async () => {
  const { promise } = await answer(batchOf([promiseOf(step)]))
  const again = batchOf([promiseOf(step, { hashlock: lockOf(2n) })], {
    epoch: 2n,
    previousAmount: promise.amount,
    lastPreimage: preimageOf(1n),
  })
  expect((await answer(again)).verdicts).toMatchObject([{ code: 'promise-total-not-increasing' }])
})

test('a batch played again gets the stored answer, byte for byte; other bytes for its epoch get it too, unmerged', async () => {
  const batch = batchOf([promiseOf(step)])
  const first = await send(batch)
  expect(await send(batch)).toEqual(first)
  const other = await send({ ...batch, items: [promiseOf(2n * step)] })
  expect(other.kind).toBe('already-answered')
  expect({ ...other, kind: 'answered' }).toEqual(first)
})

test.each([
  ['batch-zero-lock', () => send(batchOf([promiseOf(step)], { hashlock: zeroBytes32 }))],
  ['batch-previous-amount', () => send(batchOf([promiseOf(step)], { previousAmount: 1n }))],
  ['batch-wrong-preimage', () => send(batchOf([promiseOf(step)], { lastPreimage: preimageOf(9n) }))],
  ['batch-wrong-signer', () => send(batchOf([promiseOf(step)]), aliceKey)],
  ['batch-malformed', () => post({ content: Uint8Array.of(0xff), signature: new Uint8Array(65) })],
])('refuses a whole batch: %s, and leaves the epoch open', async (code, attempt) => {
  expect(await attempt()).toMatchObject({ kind: 'refused', code })
  expect((await answer(batchOf([promiseOf(step)]))).credited).toBe((step * 95n) / 100n)
})

test('the next batch is taken only with the preimage of the last', async () => {
  const { promise } = await answer(batchOf([promiseOf(step)]))
  const next = batchOf([], { epoch: 2n, previousAmount: promise.amount })
  expect(await send(next)).toMatchObject({ kind: 'refused', code: 'batch-wrong-preimage' })
  expect((await send({ ...next, lastPreimage: preimageOf(1n) })).kind).toBe('answered')
  expect(await send(batchOf([]))).toMatchObject({ kind: 'refused', code: 'batch-epoch-behind' })
})

test('a capacity statement is signed, and only its consumer gets it', async () => {
  const path = '/v1/capacity-statement'
  const own = { identity: crypto.addressOf(aliceKey), privateKey: aliceKey, nowMs: Date.now() }
  const ask = (authorization: string) => fetch(url + path, { method: 'POST', headers: { authorization } })
  const body = new Uint8Array()
  const signed = signRequest(crypto, domain(), { method: 'POST', path, body }, own)
  const response = await ask(signed)
  const statement = decodeMessage(signedContent(1024), new Uint8Array(await response.arrayBuffer()))
  if (!statement.ok) throw new Error(statement.refusal.code)
  const operator = crypto.addressOf(richKeys.operator)
  const opened = openContent(crypto, domain(), capacityStatementContent, statement.value, operator)
  expect(opened).toMatchObject({ ok: true, value: { capacity, promised: 0n, exitPending: false } })

  const refusals = [
    ['request-unsigned', ''],
    ['request-malformed', 'Myst AAAA'],
    ['request-for-other', signRequest(crypto, domain(), { method: 'POST', path: '/v1/reveal', body }, own)],
    [
      'request-stale',
      signRequest(crypto, domain(), { method: 'POST', path, body }, { ...own, nowMs: Date.now() - 120_000 }),
    ],
    [
      'request-wrong-signer',
      signRequest(crypto, domain(), { method: 'POST', path, body }, { ...own, identity: crypto.addressOf(bobKey) }),
    ],
  ] as const
  for (const [code, authorization] of refusals) {
    const refused = await ask(authorization)
    expect([refused.status, await refused.json()]).toMatchObject([401, { code }])
  }
})

test('a restart keeps every answer', async () => {
  const batch = batchOf([promiseOf(step)])
  const first = await send(batch)
  await carol.close()
  carol = await start()
  expect(await send(batch)).toEqual(first)
})

/** What an accountant signs as Alice's capacity. */
async function statedAt(accountantUrl: string) {
  const path = '/v1/capacity-statement'
  const own = { identity: crypto.addressOf(aliceKey), privateKey: aliceKey, nowMs: Date.now() }
  const authorization = signRequest(crypto, domain(), { method: 'POST', path, body: new Uint8Array() }, own)
  const response = await fetch(accountantUrl + path, { method: 'POST', headers: { authorization } })
  const signed = decodeMessage(signedContent(1024), new Uint8Array(await response.arrayBuffer()))
  if (!signed.ok) throw new Error(signed.refusal.code)
  const statement = decodeMessage(capacityStatementContent.schema, signed.value.content)
  if (!statement.ok) throw new Error(statement.refusal.code)
  return { capacity: statement.value.capacity, exitPending: statement.value.exitPending }
}

test('at depth 12, money that comes counts when it is deep, money that leaves counts at once', async () => {
  const deep = await start({
    profile: { ...world.profile, confirmationDepth: 12 },
    dataDir: `${world.dir}/deep`,
    port: 4061,
  })
  try {
    const { client } = world.chain
    const ask = (method: string, params: readonly unknown[]) => client.rpc.request({ method, params } as never)
    const stated = () => statedAt(deep.url)
    /** A state is looked at anew each second. */
    const soon = { timeout: 5000 }
    expect(await stated()).toEqual({ capacity: 0n, exitPending: false })
    await ask('anvil_mine', ['0xc'])
    await expect.poll(stated, soon).toEqual({ capacity, exitPending: false })

    const [alice, channel] = [crypto.addressOf(aliceKey), channelOf(crypto.addressOf(aliceKey))]
    const sender = createSender(client, richKeys.transactor)
    const { registry } = world.network.contracts
    const { accountant } = world.network
    await sender.send({ to: registry, abi: registryAbi, name: 'openChannel', args: [alice, accountant] })
    const request: ExitRequest = {
      beneficiary: alice,
      transactor: zeroAddress,
      fee: 0n,
      nonce: 1n,
      deadline: 2n ** 40n,
    }
    const channelDomain = { chainId: client.chainId, verifyingContract: channel }
    const signature = toHex(crypto.sign(hashTypedData(crypto, channelDomain, exitRequestStruct, request), aliceKey))
    await sender.send({ to: channel, abi: consumerChannelAbi, name: 'requestExit', args: [request, signature] })
    await expect.poll(stated, soon).toEqual({ capacity, exitPending: true })
    await ask('evm_increaseTime', [4 * 86_400 + 60])
    await ask('anvil_mine', ['0xc'])
    await sender.send({ to: channel, abi: consumerChannelAbi, name: 'finalizeExit', args: [] })
    await expect.poll(stated, soon).toEqual({ capacity: 0n, exitPending: true })
    await ask('anvil_mine', ['0xc'])
    await expect.poll(stated, soon).toEqual({ capacity: 0n, exitPending: false })
  } finally {
    await deep.close()
  }
}, 30_000)

test('the stream carries the same exchange as single requests, and all of it is counted', async () => {
  const signed = signContent(crypto, domain(), batchContent, batchOf([promiseOf(step)]), bobKey)
  const single = await post(signed)
  const opening = { method: 'GET', path: '/v1/exchange', body: new Uint8Array() }
  const authorization = signRequest(crypto, domain(), opening, {
    identity: crypto.addressOf(bobKey),
    privateKey: bobKey,
    nowMs: Date.now(),
  })
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/exchange`, { headers: { authorization } })
  socket.binaryType = 'arraybuffer'
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  const answered = new Promise<MessageEvent>((resolve) => socket.addEventListener('message', resolve, { once: true }))
  socket.send(encodeMessage(streamRequestSchema, { id: 7n, batch: signed }))
  const reply = decodeMessage(
    streamReplySchema,
    new Uint8Array((await answered).data as ArrayBuffer),
    maxStreamReplyBytes,
  )
  expect(reply).toEqual({ ok: true, value: { id: 7n, reply: single } })
  socket.close()
  const told = await (await fetch(`${url}/metrics`)).text()
  const answers = Number(/^accountant_answers_total\{answer="answered"\} (\d+)$/m.exec(told)?.[1])
  expect(answers).toBeGreaterThanOrEqual(2)
  expect(told).toMatch(/^accountant_running 1$/m)
})

test('one address that floods is told to wait, and is served again (F24)', async () => {
  const asked = await Promise.all(
    Array.from({ length: 700 }, () => fetch(`${url}/healthz`).then(({ status }) => status)),
  )
  expect(new Set(asked)).toEqual(new Set([200, 429]))
  expect(asked.filter((status) => status === 200).length).toBeGreaterThanOrEqual(400)
  await expect.poll(() => fetch(`${url}/healthz`).then(({ status }) => status)).toBe(200)
})
