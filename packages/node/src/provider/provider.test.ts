/**
 * The provider against a consumer that we write here, over an in-memory link; its desk writes down what it is given.
 */

import {
  agreementTable,
  deriveKeys,
  type ExchangeDesk,
  type PaymentPolicy,
  paymentPolicy,
  systemClock,
} from '@myst/billing'
import { createMemoryNetwork, type Link, type LinkNode } from '@myst/link'
import {
  type Address,
  capacityStatementContent,
  channelAddress,
  referenceCrypto as crypto,
  decodeMessage,
  encodeMessage,
  type Hex,
  hashPromise,
  type NetworkProfile,
  noTicks,
  paymentMessageSchema,
  paymentProtocol,
  type SessionAccept,
  type SessionRequest,
  type SignedPromise,
  sessionAcceptSchema,
  sessionProtocol,
  sessionRequestContent,
  signContent,
  toHex,
  toProviderSchema,
} from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import type { ProviderTunnel } from '@myst/vpn'
import { beforeEach, describe, expect, test } from 'vitest'
import { createProvider, type Provider } from './provider.ts'

const alice = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const bob = deriveKeys(crypto, new Uint8Array(32).fill(0xb0))
const carolKey = new Uint8Array(32).fill(0xca)
const at = (byte: number) => toHex(new Uint8Array(20).fill(byte)) as Address
const carol = { address: at(0xcc), operator: crypto.addressOf(carolKey), url: '' }
const lock = toHex(new Uint8Array(32).fill(7)) as Hex & SignedPromise['promise']['hashlock']
const price = { perHour: 3600n, perGib: 0n }
const capacity = 10n ** 18n
const profile = {
  networkId: 'devnet',
  chainId: 31337n,
  contracts: { token: at(1), registry: at(2), channelImplementation: at(3), accountantImplementation: at(4) },
} as unknown as NetworkProfile
const channel = channelAddress(crypto, profile.contracts, alice.identity, carol.address)
const none = { perPrefixPerHour: 0, perDay: 0n }

let store: RecordStore
let aliceNode: LinkNode
let bobNode: LinkNode
let provider: Provider
let added: SignedPromise[]
let tunnels: string[]
let broken: boolean
/** The accountant refused too much. */
let stopped: boolean
/** What is owed without a guarantee is within the allowance. */
let mayEarn: boolean

function begin(changes: Partial<PaymentPolicy> = {}): void {
  const desk = {
    accountant: carol,
    hashlock: lock,
    standing: { uncredited: 0n },
    get stopped() {
      return stopped
    },
    add: (_key: string, signed: SignedPromise) => added.push(signed),
    forget() {},
    flush: async () => {},
  } as unknown as ExchangeDesk
  const fail = () => {
    if (broken) throw new Error('driver broke')
  }
  const tunnel = (): ProviderTunnel => ({
    parameters: new Uint8Array(),
    stats: () => ({ sentBytes: 0n, receivedBytes: 0n }),
    async pause() {
      tunnels.push('pause')
      fail()
    },
    async resume() {
      tunnels.push('resume')
    },
    async close() {
      tunnels.push('close')
      fail()
    },
  })
  const offer = {
    async accept() {
      tunnels.push('accept')
      await new Promise((resolve) => setTimeout(resolve, 50))
      return tunnel()
    },
    async close() {},
  }
  const service = { offer, prices: new Map([[1n, price]]) }
  provider = createProvider(
    {
      crypto,
      clock: systemClock,
      store,
      desks: () => new Map([[carol.address, desk]]),
      mayEarn: () => mayEarn,
      serviceOf: () => service,
      onSession: () => {},
      log: () => {},
    },
    { keys: bob, profile, policy: paymentPolicy(1n, changes) },
  )
}

beforeEach(async () => {
  store = createMemoryStore()
  ;[added, tunnels, broken, stopped, mayEarn] = [[], [], false, false, true]
  const network = createMemoryNetwork()
  ;[aliceNode, bobNode] = [network.node(), network.node()]
  bobNode.onLink((link) => provider.welcome(link))
  await bobNode.listen()
  begin()
})

function requestOn(link: Link): Uint8Array {
  const domain = { chainId: profile.chainId, verifyingContract: carol.address }
  const issuedAtMs = BigInt(Date.now())
  const statement = { channel, consumer: alice.identity, capacity, promised, exitPending: false, issuedAtMs }
  const request: SessionRequest = {
    networkId: profile.networkId,
    consumer: alice.identity,
    provider: bob.identity,
    handshakeHash: link.handshakeHash,
    serviceType: 'proxy',
    serviceVersion: 1,
    proposalSeq: 1n,
    price,
    accountant: carol.address,
    channel,
    capacity: signContent(crypto, domain, capacityStatementContent, statement, carolKey),
    pace: { minInvoiceMs: 500, maxInvoiceMs: 300_000, maxInvoiceAmount: 10n ** 18n },
    parameters: new Uint8Array(),
    issuedAtMs,
  }
  const own = { networkId: profile.networkId }
  const signed = signContent(crypto, own, sessionRequestContent, request, alice.privateKey)
  return encodeMessage(toProviderSchema, { kind: 'open', request: signed })
}

async function open(): Promise<{ link: Link; accept: SessionAccept }> {
  const link = await aliceNode.connect(bobNode.publicKey)
  const accept = decodeMessage(sessionAcceptSchema, await link.request(sessionProtocol, requestOn(link)))
  if (!accept.ok) throw new Error(accept.refusal.code)
  return { link, accept: accept.value }
}

async function gone({ link }: { link: Link }): Promise<void> {
  await link.close('gone')
  await expect.poll(() => provider.sessions.length, { timeout: 4000 }).toBe(0)
}

/** To others, before she came. */
const promised = 5n
function promiseFor({ invoice }: SessionAccept): SignedPromise {
  const agreement = { id: invoice.agreementId, provider: bob.identity, total: invoice.total }
  const promise = { amount: promised + invoice.total, hashlock: invoice.hashlock, agreement, ticks: noTicks }
  const digest = hashPromise(crypto, { chainId: profile.chainId, channel }, promise)
  return { consumer: alice.identity, promise, signature: crypto.sign(digest, alice.privateKey) }
}
const send = (link: Link, ...promises: SignedPromise[]) =>
  link.request(paymentProtocol, encodeMessage(paymentMessageSchema, { kind: 'promises', promises }))
const credit = (signed: SignedPromise) =>
  provider.credited([{ key: '', signed, verdict: { delta: signed.promise.agreement.total } }])

test('one request, sent many times at once, opens one session', async () => {
  const link = await aliceNode.connect(bobNode.publicKey)
  const body = requestOn(link)
  const answers = await Promise.allSettled([1, 2, 3, 4, 5].map(() => link.request(sessionProtocol, body)))
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect([tunnels, provider.sessions.length]).toEqual([['accept'], 1])
})

test('opens nothing while it stops', async () => {
  const link = await aliceNode.connect(bobNode.publicKey)
  const opening = link.request(sessionProtocol, requestOn(link))
  opening.catch(() => {})
  await expect.poll(() => tunnels, { interval: 1 }).toEqual(['accept'])
  await provider.close()
  await expect(opening).rejects.toThrow('session-service-unknown')
  await expect(open()).rejects.toThrow('session-service-unknown')
  expect([tunnels.filter((step) => step !== 'pause'), provider.sessions]).toEqual([['accept', 'close'], []])
})

test('a driver that fails ends one session, and the next is served', async () => {
  const first = await open()
  broken = true
  await provider.sessions[0]?.end('service-stops')
  await first.link.closed
  await expect.poll(() => provider.sessions.length).toBe(0)
  broken = false
  await open()
  expect(provider.sessions).toHaveLength(1)
})

test('a consumer that lost its link is served anew', async () => {
  const first = await open()
  first.link.onRequest(sessionProtocol, () => new Promise(() => {}))
  first.link.onRequest(paymentProtocol, () => new Promise(() => {}))
  const startedMs = Date.now()
  await open()
  expect(Date.now() - startedMs).toBeLessThan(3000)
})

describe('credit before the first payment', () => {
  const isPaused = async () => {
    tunnels = []
    const session = await open()
    return { ...session, paused: tunnels.includes('pause') }
  }

  test('is for those that were credited here, not for those that promised somebody something', async () => {
    begin({ firstCreditLimits: none })
    const stranger = await isPaused()
    expect(stranger.paused).toBe(true)
    const promise = promiseFor(stranger.accept)
    await send(stranger.link, promise)
    credit(promise)
    await gone(stranger)
    expect((await isPaused()).paused).toBe(false)
  })

  test('is over for whose promise the accountant refused for good', async () => {
    const first = await isPaused()
    const promise = promiseFor(first.accept)
    await send(first.link, promise)
    credit(promise)
    provider.credited([
      { key: '', signed: promise, verdict: { code: 'promise-amount-behind', delta: 0n, final: true } },
    ])
    await gone(first)
    const again = await isPaused()
    expect(again.paused).toBe(true)
    await gone(again)
  })

  test('is granted no second time by a provider that starts anew', async () => {
    begin({ firstCreditLimits: { perPrefixPerHour: 1, perDay: 10n ** 18n } })
    expect((await isPaused()).paused).toBe(false)
    begin({ firstCreditLimits: { perPrefixPerHour: 1, perDay: 10n ** 18n } })
    const again = await isPaused()
    expect(again.paused).toBe(true)
    await gone(again)
  })

  test('is over for who left an invoice unpaid, until it is paid', async () => {
    const first = await isPaused()
    expect(first.paused).toBe(false)
    await gone(first)
    begin()
    const again = await isPaused()
    expect(again.paused).toBe(true)
    const [late, now] = [promiseFor(first.accept), promiseFor(again.accept)]
    await send(again.link, late, now)
    expect(added).toEqual([late, now])
    credit(late)
    credit(now)
    await gone(again)
    expect((await isPaused()).paused).toBe(false)
  })
})

test('nobody is served on, once the accountant has refused too much without proof', async () => {
  await open()
  tunnels = []
  stopped = true
  await expect.poll(() => tunnels).toContain('pause')
  stopped = false
})

test('nobody is served on, and nobody new is taken, while too much is owed without a guarantee', async () => {
  await open()
  tunnels = []
  mayEarn = false
  await expect.poll(() => tunnels).toContain('pause')
  await expect(open()).rejects.toMatchObject({ code: 'session-accountant-not-accepted' })
  mayEarn = true
  await expect.poll(() => tunnels).toContain('resume')
})

describe('a late promise', () => {
  test('counts on a link with a session of the same consumer only', async () => {
    const first = await open()
    await gone(first)
    const stranger = await aliceNode.connect(bobNode.publicKey)
    await send(stranger, promiseFor(first.accept))
    expect(added).toEqual([])
    const { link } = await open()
    await send(link, promiseFor(first.accept))
    expect(added).toHaveLength(1)
  })

  test.each(['before', 'after'])('leaves no row once it is credited, %s the end', async (when) => {
    const session = await open()
    const promise = promiseFor(session.accept)
    await send(session.link, promise)
    if (when === 'before') credit(promise)
    await gone(session)
    if (when === 'after') credit(promise)
    expect(agreementTable.load(store).size).toBe(0)
  })
})
