/**
 * A consumer's connection against a provider that we write here, polite or not, over an in-memory link.
 */

import { deriveKeys, openPayerBook, type PayerBook, systemClock } from '@myst/billing'
import { createMemoryNetwork, type Link, type LinkNode } from '@myst/link'
import {
  capacityStatementContent,
  referenceCrypto as crypto,
  decodeMessage,
  emptySchema,
  encodeMessage,
  endReplySchema,
  Fault,
  type Invoice,
  type NetworkProfile,
  type PaymentMessage,
  type Proposal,
  paymentMessageSchema,
  paymentProtocol,
  promiseReplySchema,
  type SignedPromise,
  sessionAcceptSchema,
  sessionProtocol,
  type ToConsumer,
  type ToProvider,
  toConsumerSchema,
  toHex,
  toProviderSchema,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import type { ConsumerDriver } from '@myst/vpn'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Connection, createConnection } from './connection.ts'
import { createPacer, type Debtor } from './money-left.ts'

const alice = deriveKeys(crypto, new Uint8Array(32).fill(0xa1))
const bob = crypto.addressOf(new Uint8Array(32).fill(0xb0))
const channel = { chainId: 31337n, channel: crypto.addressOf(new Uint8Array(32).fill(0xc4)) }
const lock = toHex(new Uint8Array(32).fill(7))
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Bob, as each test wants him. */
interface Bob {
  dials: number
  links: Link[]
  promised: SignedPromise[]
  onOpen(link: Link): void
  onPromises(): void
  keepAlives: number
  refuses: boolean
  onEnd(link: Link): void
  lastInvoice: Invoice | undefined
}

let bobNode: LinkNode
let aliceNode: LinkNode
let him: Bob
let book: PayerBook
let tunnelsOpen: number
/** Asked of the accountant, once for each dial. */
let statements: number
/** How long a tunnel takes to open: what a provider says meanwhile must not be lost. */
let openingMs: number

beforeEach(async () => {
  const network = createMemoryNetwork()
  bobNode = network.node()
  aliceNode = network.node()
  tunnelsOpen = 0
  statements = 0
  openingMs = 0
  book = openPayerBook(crypto, createMemoryStore(), alice, channel)
  him = {
    dials: 0,
    links: [],
    promised: [],
    onOpen() {},
    onPromises() {},
    keepAlives: 0,
    refuses: false,
    onEnd() {},
    lastInvoice: undefined,
  }
  bobNode.onLink(serve)
  await bobNode.listen()
})

const agreementOf = (dial: number) => toHex(new Uint8Array(32).fill(dial))
const invoiceOf = (dial: number, total: bigint): Invoice => ({
  agreementId: agreementOf(dial),
  total,
  hashlock: lock,
  durationMs: 0n,
  bytes: 0n,
})

function serve(link: Link): void {
  him.links.push(link)
  const dial = ++him.dials
  link.onRequest(sessionProtocol, (body) => {
    const message = decodeMessage(toProviderSchema, body)
    const { kind } = (message as { value: ToProvider }).value
    if (kind === 'keep-alive') {
      him.keepAlives++
      return encodeMessage(emptySchema, {})
    }
    if (him.refuses) throw new Fault('session-provider-full')
    if (kind === 'end') {
      him.onEnd(link)
      return encodeMessage(endReplySchema, him.lastInvoice === undefined ? {} : { invoice: him.lastInvoice })
    }
    setTimeout(() => him.onOpen(link), 5)
    return encodeMessage(sessionAcceptSchema, {
      sessionId: new Uint8Array(16).fill(dial),
      agreementId: agreementOf(dial),
      parameters: new Uint8Array(),
      invoice: invoiceOf(dial, 10n),
    })
  })
  link.onRequest(paymentProtocol, (body) => {
    const message = decodeMessage(paymentMessageSchema, body)
    const value = (message as { value: PaymentMessage }).value
    if (value.kind === 'promises') him.promised.push(...value.promises)
    him.onPromises()
    return encodeMessage(emptySchema, {})
  })
}

async function invoice(link: Link, dial: number, total: bigint) {
  const body = encodeMessage(paymentMessageSchema, { kind: 'invoice', invoice: invoiceOf(dial, total) })
  const reply = decodeMessage(promiseReplySchema, await link.request(paymentProtocol, body))
  if (!reply.ok) throw new Error(reply.refusal.code)
  return reply.value
}

const tell = (link: Link, message: ToConsumer) =>
  link.request(sessionProtocol, encodeMessage(toConsumerSchema, message)).catch(() => {})

/** Counts no bytes and takes a moment to say so, as a real one does. */
const driver: ConsumerDriver = {
  serviceType: 'proxy',
  async prepare() {
    return {
      parameters: new Uint8Array(),
      async open() {
        tunnelsOpen++
        await wait(openingMs)
        return {
          description: 'nothing',
          stats: async () => {
            await wait(10)
            return { sentBytes: 0n, receivedBytes: 0n }
          },
          async close() {
            tunnelsOpen--
          },
        }
      },
      async close() {},
    }
  },
}

function connection(
  change: {
    budget?: bigint
    serviceType?: string
    capacityStatement?: () => Promise<never>
    perHour?: bigint
    /** What the channel can promise, as the accountant states it, and as the chain shows it. */
    shown?: () => bigint
    holds?: () => bigint
    chain?: () => Promise<unknown>
    debtors?: Set<Debtor>
  } = {},
): Connection {
  const profile = {
    networkId: 'devnet',
    bootstrap: [],
    rpcUrls: [],
    transactorUrls: [],
    accountants: [],
  } as unknown as NetworkProfile
  const proposal = {
    provider: bob,
    serviceType: change.serviceType ?? 'proxy',
    serviceVersion: 1,
    transportKey: bobNode.publicKey,
    price: { perHour: change.perHour ?? 0n, perGib: 0n },
    seq: 1n,
    location: { country: 'NL' },
  } as unknown as Proposal
  const shown = change.shown ?? (() => 1_000_000n)
  const statement = () => ({
    content: encodeMessage(capacityStatementContent.schema, {
      ...{ channel: channel.channel, consumer: alice.identity, capacity: shown(), promised: 0n },
      ...{ exitPending: false, issuedAtMs: BigInt(Date.now()) },
    }),
    signature: new Uint8Array(65),
  })
  return createConnection(
    {
      crypto,
      clock: systemClock,
      linkNode: aliceNode,
      driver,
      book,
      funds: {
        async read() {
          await change.chain?.()
          return { capacity: change.holds?.() ?? 1_000_000n }
        },
      } as never,
      debtors: change.debtors ?? new Set(),
      capacityStatement:
        change.capacityStatement ??
        (async () => {
          statements++
          return statement()
        }),
      findPath: async () => undefined,
      newestProposal: async () => undefined,
      onChange: () => {},
      log: () => {},
    },
    {
      id: 'one',
      keys: alice,
      profile,
      proposal,
      accountant: bob,
      channel: channel.channel,
      pace: { minInvoiceMs: 0, maxInvoiceMs: 1000, maxInvoiceAmount: 1000n },
      ...(change.budget === undefined ? {} : { budget: change.budget }),
    },
  )
}

test('pays the first invoice, answers the next, and pays the last when it disconnects', async () => {
  const mine = connection()
  await mine.open()
  await expect.poll(() => him.promised.at(-1)?.promise.amount).toBe(10n)
  expect(await invoice(him.links[0] as Link, 1, 25n)).toMatchObject({ kind: 'promised' })
  him.lastInvoice = { ...invoiceOf(1, 40n), final: true }
  await mine.disconnect()
  expect(him.promised.at(-1)?.promise.amount).toBe(40n)
  expect(mine.view).toMatchObject({ state: 'not-connected', spent: 40n })
  expect(tunnelsOpen).toBe(0)
  expect(book.recorded(bob)).toEqual([])
})

test('a second session with the same provider leaves the first one’s row alone: nothing is promised twice (W1)', async () => {
  const first = connection()
  await first.open()
  await expect.poll(() => him.promised.length).toBe(1)
  await invoice(him.links[0] as Link, 1, 500n)
  const second = connection({ serviceType: 'wireguard' })
  await second.open()
  await expect.poll(() => him.promised.length).toBe(2)
  await wait(50)
  await invoice(him.links[0] as Link, 1, 501n)
  // 501 for the first, 10 for the second; a forgotten row would have cost 500 once more.
  expect(book.amount).toBe(511n)
  await first.disconnect()
  await second.disconnect()
})

test('an invoice that comes while the last one is paid is refused: the row is not forgotten under it', async () => {
  const mine = connection()
  await mine.open()
  await expect.poll(() => him.promised.length).toBe(1)
  him.lastInvoice = { ...invoiceOf(1, 40n), final: true }
  let sneaked: unknown
  him.onPromises = () => {
    void invoice(him.links[0] as Link, 1, 900n).then(
      (reply) => {
        sneaked = reply
      },
      () => {},
    )
  }
  await mine.disconnect()
  await wait(50)
  expect((sneaked ?? { kind: 'refused' }) as object).toMatchObject({ kind: 'refused' })
  expect(book.amount).toBe(40n)
})

describe('a provider that is no provider', () => {
  test('accepts and closes at once: the consumer neither crashes nor hurries nor pays without end', async () => {
    him.onOpen = (link) => void link.close('bye')
    const mine = connection()
    await mine.open()
    await wait(3000)
    // 0.25, 0.5, 1, 2 … s between dials.
    expect(him.dials).toBeLessThanOrEqual(4)
    expect(book.amount).toBeLessThanOrEqual(40n)
    await mine.disconnect()
    expect(mine.view.state).toBe('not-connected')
    expect(tunnelsOpen).toBe(0)
  })

  test('bills a first invoice at each dial: the budget holds over all of them', async () => {
    him.onPromises = () => setTimeout(() => void him.links.at(-1)?.close('again'), 5)
    const mine = connection({ budget: 15n })
    await mine.open()
    await expect.poll(() => him.dials, { timeout: 3000 }).toBeGreaterThanOrEqual(2)
    await wait(500)
    expect(book.amount).toBeLessThanOrEqual(15n)
    await mine.disconnect()
  })

  test.each([
    { when: 'once we have begun', opening: 0 },
    { when: 'before we have', opening: 100 },
  ])('says why it ends, $when: nobody dials it again', async ({ opening }) => {
    openingMs = opening
    him.onOpen = (link) => {
      void tell(link, { kind: 'end', sessionId: new Uint8Array(16).fill(1), reason: 'replaced' }).then(() =>
        link.close('replaced'),
      )
    }
    const mine = connection()
    await mine.open()
    await expect.poll(() => mine.view.state).toBe('failed')
    expect(mine.view.reason).toBe('replaced')
    await wait(600)
    expect(him.dials).toBe(1)
    expect(tunnelsOpen).toBe(0)
  })

  test('never answers the end: the consumer leaves within seconds', async () => {
    const mine = connection()
    await mine.open()
    await expect.poll(() => him.promised.length).toBe(1)
    for (const link of him.links) link.onRequest(sessionProtocol, () => new Promise(() => {}))
    const startedMs = performance.now()
    await mine.disconnect()
    expect(performance.now() - startedMs).toBeLessThan(5000)
    expect(tunnelsOpen).toBe(0)
    // Not settled: its promise stays on record, to be repeated when they meet again.
    expect(book.recorded(bob)).toHaveLength(1)
  })
})

test('disconnecting while it connects leaves nothing open', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const mine = connection({
    capacityStatement: async () => {
      await held
      return { content: new Uint8Array(1), signature: new Uint8Array(65) } as never
    },
  })
  const opening = mine.open()
  await mine.disconnect()
  release()
  await expect(opening).rejects.toThrow('connection-closed')
  await wait(50)
  expect(tunnelsOpen).toBe(0)
  expect(book.amount).toBe(0n)
})

test('disconnecting while it dials again leaves nothing open', async () => {
  const mine = connection()
  await mine.open()
  openingMs = 500
  await him.links[0]?.close('bye')
  // The first is closed, and the second is opening.
  await expect.poll(() => [him.dials, tunnelsOpen]).toEqual([2, 1])
  await mine.disconnect()
  expect([mine.view.state, tunnelsOpen]).toEqual(['not-connected', 0])
})

test('a mistake of ours ends the session: nothing more is paid for what is shown as failed', async () => {
  let isBroken = false
  const other: Debtor = {
    provider: bob,
    pacer: createPacer(0),
    isParting: true,
    get owed() {
      if (isBroken) throw new TypeError('planted')
      return 0n
    },
  }
  const mine = connection({ debtors: new Set([other]) })
  await mine.open()
  await expect.poll(() => him.promised.length).toBe(1)
  isBroken = true
  await expect.poll(() => [mine.view.state, tunnelsOpen], { timeout: 8000 }).toEqual(['failed', 0])
  expect(mine.view.reason).toBe('internal')
  isBroken = false
  await expect(invoice(him.links[0] as Link, 1, 900n)).rejects.toThrow()
  expect(book.amount).toBe(10n)
  await wait(600)
  expect(him.dials).toBe(1)
}, 15_000)

describe('the money', () => {
  /** 1 base unit a millisecond. */
  const perHour = 3_600_000n

  test('ends: the session ends by itself, paid in full, and says why', async () => {
    const mine = connection({ budget: 14_000n, perHour })
    await mine.open()
    expect(mine.view.warning).toBeUndefined()
    await expect.poll(() => mine.view.warning, { timeout: 10_000 }).toMatchObject({ limit: 'budget' })
    expect(mine.view.warning?.endsInMs).toBeLessThan(14_000)
    him.lastInvoice = { ...invoiceOf(1, 7_000n), final: true }
    await expect.poll(() => mine.view.state, { timeout: 12_000 }).toBe('failed')
    expect(mine.view).toMatchObject({ reason: 'budget-spent', spent: 7_000n })
    expect(him.promised.at(-1)?.promise.agreement.total).toBe(7_000n)
    expect(tunnelsOpen).toBe(0)
  }, 30_000)

  test('is topped up: the provider is shown it in another session, once what it can see is nearly spent', async () => {
    let capacity = 11_000n
    const mine = connection({ perHour, shown: () => capacity, holds: () => capacity })
    await mine.open()
    capacity = 10n ** 9n
    await expect.poll(() => him.dials, { timeout: 20_000 }).toBe(2)
    await expect.poll(() => mine.view.state).toBe('connected')
    expect(mine.view.reason).toBeUndefined()
    await mine.disconnect()
  }, 30_000)

  test('is topped up, and the accountant does not say so yet: the provider is dialled once it does', async () => {
    let [shown, holds] = [11_000n, 11_000n]
    const mine = connection({ perHour, shown: () => shown, holds: () => holds })
    await mine.open()
    holds = 10n ** 9n
    await expect.poll(() => mine.view.reason, { timeout: 20_000 }).toBe('top-up-not-stated')
    const asked = statements
    await expect.poll(() => statements, { timeout: 5_000 }).toBeGreaterThan(asked)
    expect(him.dials).toBe(1)
    shown = holds
    await expect.poll(() => mine.view.state, { timeout: 8_000 }).toBe('connected')
    expect(him.dials).toBe(2)
    await mine.disconnect()
  }, 40_000)

  test('is shown to a provider that has no place left: it is dialled at a decent pace', async () => {
    let capacity = 11_000n
    const mine = connection({ perHour, shown: () => capacity, holds: () => capacity })
    await mine.open()
    capacity = 10n ** 9n
    him.onEnd = () => {
      him.refuses = true
    }
    await expect.poll(() => mine.view.reason, { timeout: 20_000 }).toMatch(/^(topped-up|session-provider-full)$/)
    const before = statements
    await wait(2000)
    // At once, then after 0.25, 0.5, 1 s.
    expect(statements - before).toBeLessThanOrEqual(4)
    await mine.disconnect()
  }, 30_000)

  test('is shown anew, and the provider leaves just then: one session follows, and nothing is counted twice', async () => {
    let capacity = 11_000n
    const mine = connection({ perHour, shown: () => capacity, holds: () => capacity })
    await mine.open()
    await invoice(him.links[0] as Link, 1, 500n)
    capacity = 10n ** 9n
    him.onEnd = (link) => void link.close('bye')
    await expect.poll(() => him.dials, { timeout: 20_000 }).toBe(2)
    await wait(1500)
    expect(him.dials).toBe(2)
    expect(mine.view).toMatchObject({ state: 'connected', spent: 510n })
    await mine.disconnect()
  }, 30_000)

  test('is looked at on a chain that hangs: the provider hears from us all the same', async () => {
    let isHanging = false
    const mine = connection({ chain: () => (isHanging ? new Promise(() => {}) : Promise.resolve()) })
    await mine.open()
    await expect.poll(() => him.promised.length).toBe(1)
    isHanging = true
    await expect.poll(() => him.keepAlives, { timeout: 8000 }).toBeGreaterThanOrEqual(3)
    isHanging = false
    await mine.disconnect()
  }, 15_000)

  test('is never promised beyond what the provider was shown', async () => {
    const mine = connection({ shown: () => 500n, holds: () => 10n ** 9n })
    await mine.open()
    expect(await invoice(him.links[0] as Link, 1, 501n)).toMatchObject({ code: 'invoice-over-capacity' })
    expect(mine.view.reason).toBe('invoice-over-capacity')
    expect(await invoice(him.links[0] as Link, 1, 499n)).toMatchObject({ kind: 'promised' })
    expect(mine.view.reason).toBeUndefined()
    await mine.disconnect()
  })
})
