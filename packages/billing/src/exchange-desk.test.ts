/**
 * The desk against an accountant that we write here: honest but for what each test says.
 */

import type { ItemOutcome } from '@myst/payments'
import {
  type AccountantPromise,
  type Address,
  accountantPromiseStruct,
  type BatchAnswer,
  batchAnswerContent,
  batchContent,
  channelAddress,
  referenceCrypto as crypto,
  type ExchangeReply,
  Fault,
  feeOf,
  hashPromise,
  hashTypedData,
  type ItemVerdict,
  noTicks,
  openContent,
  type ProviderStanding,
  type RecoverRequest,
  type ResignReply,
  type SignedAccountantPromise,
  type SignedContent,
  type SignedPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AccountantClient } from './accountant-client.ts'
import { systemClock } from './clock.ts'
import { type ExchangeDesk, openExchangeDesk } from './exchange-desk.ts'
import { deriveKeys } from './keys.ts'

const bob = deriveKeys(crypto, new Uint8Array(32).fill(0xb0))
const alice = crypto.addressOf(new Uint8Array(32).fill(0xa1))
const carolKey = new Uint8Array(32).fill(0xca)
const carol = {
  address: toHex(new Uint8Array(20).fill(0xcc)) as Address,
  operator: crypto.addressOf(carolKey),
  url: '',
}
const at = (fill: number) => toHex(new Uint8Array(20).fill(fill)) as Address
const contracts = { token: at(1), registry: at(2), channelImplementation: at(3), accountantImplementation: at(4) }
const domain = { chainId: 31337n, verifyingContract: carol.address }

let standing: ProviderStanding
let store: RecordStore
let desk: ExchangeDesk
let lines: string[]
let asked: { batches: number; reveals: number }
let verdictOf: (signed: SignedPromise) => ItemVerdict
let takes: number
let gives: bigint | undefined
/** What it says in place of an answer. */
let says: ((signed: SignedContent) => ExchangeReply | undefined) | undefined
let offered: RecoverRequest[]
let published: () => Promise<number>
/** Signs for Carol, and is registered as her operator. */
let operatorKey: Uint8Array
let registeredKey: Uint8Array
let laterMs: number
/** Her newest promise. */
let newest: { readonly promise: SignedAccountantPromise } | undefined
let resign: () => Promise<ResignReply>
let isAnswerLost: boolean
let outcomes: ItemOutcome[]

const signedBy = ({ provider, amount, hashlock }: AccountantPromise, key = operatorKey): Uint8Array =>
  crypto.sign(hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock }), key)

function answerTo(content: SignedContent): ExchangeReply {
  asked.batches++
  const batch = openContent(crypto, domain, batchContent, content, bob.identity)
  if (!batch.ok) throw new Error(batch.refusal.code)
  const { provider, epoch, hashlock, previousAmount, items } = batch.value
  const verdicts = items.map(verdictOf)
  const sum = verdicts.reduce((total, { delta }) => total + delta, 0n)
  const fee = feeOf(sum, takes)
  const promise: AccountantPromise = { provider, amount: previousAmount + sum - fee + (gives ?? 0n), hashlock }
  const signature = signedBy(promise)
  const answer: BatchAnswer = {
    provider,
    epoch,
    digest: toHex(crypto.keccak256(content.content)),
    feeRate: takes,
    credited: sum - fee,
    fee,
    promise: { ...promise, epoch, signature },
    verdicts,
    ...(gives === undefined ? {} : { bounty: gives }),
  }
  newest = { promise: answer.promise }
  if (isAnswerLost) throw new Fault('accountant-unreachable')
  return { kind: 'answered', answer: signContent(crypto, domain, batchAnswerContent, answer, operatorKey) }
}

async function openDesk(): Promise<void> {
  const client = {
    exchange: async (content: SignedContent) => says?.(content) ?? answerTo(content),
    recover: async (offer: RecoverRequest) => {
      offered.push(offer)
      return { kind: 'adopted' }
    },
    reveal: async () => {
      asked.reveals++
    },
    providerStanding: async () =>
      standing.newest !== undefined || newest === undefined ? standing : { newest: newest.promise },
    resign: () => resign(),
  } as unknown as AccountantClient
  const log = (line: string) => lines.push(line)
  const clock = { ...systemClock, elapsedMs: () => systemClock.elapsedMs() + laterMs }
  const operator = async () => crypto.addressOf(registeredKey)
  const onOutcomes = (of: readonly ItemOutcome[]) => void outcomes.push(...of)
  desk = await openExchangeDesk(
    { crypto, clock, store, client, onOutcomes, feeRate: () => published(), operator, log },
    {
      keys: bob,
      chainId: domain.chainId,
      contracts,
      accountant: carol,
      policy: { dueSum: 10n ** 18n, maxAgeMs: 60_000, maxItems: 10 },
      feeLimit: 3000,
      unprovedRefusals: 100n,
    },
  )
}

function add(id: number, total: bigint): Promise<void> {
  const agreement = { id: toHex(new Uint8Array(32).fill(id)), provider: bob.identity, total }
  const promise = { amount: total, hashlock: desk.hashlock, agreement, ticks: noTicks }
  desk.add(`${alice}/${id}`, { consumer: alice, promise, signature: new Uint8Array(65) }, false)
  return desk.flush()
}

beforeEach(async () => {
  store = createMemoryStore()
  lines = []
  says = undefined
  standing = {}
  laterMs = 0
  offered = []
  asked = { batches: 0, reveals: 0 }
  verdictOf = ({ promise }) => ({ delta: promise.agreement.total })
  gives = undefined
  takes = 500
  published = async () => 500
  operatorKey = carolKey
  registeredKey = carolKey
  laterMs = 0
  newest = undefined
  isAnswerLost = false
  outcomes = []
  resign = async () =>
    newest === undefined ? {} : { newest: { ...newest.promise, signature: signedBy(newest.promise) } }
  await openDesk()
})
afterEach(() => desk.close())

test('takes the published rate, and not a point more, though its own limit is far above', async () => {
  await add(1, 10_000n)
  expect(desk.standing).toMatchObject({ credited: 9_500n, fees: 500n })
  takes = 501
  await add(2, 10_000n)
  expect(desk.standing).toMatchObject({ credited: 9_500n, uncredited: 10_000n })
  expect(lines.join()).toContain('accountant-answer-invalid code=answer-fee-too-high')
  published = async () => 501
  await desk.flush()
  expect(desk.standing).toMatchObject({ credited: 18_999n, uncredited: 0n })
})

test('takes a bounty as it was promised, and has it after a restart; one that is not in the promise is refused', async () => {
  gives = 70n
  await add(1, 10_000n)
  expect(desk.standing).toMatchObject({ credited: 9_500n, fees: 500n, bounties: 70n })
  expect(desk.newest()?.promise.amount).toBe(9_570n)
  await desk.close()
  await openDesk()
  expect(desk.standing).toMatchObject({ credited: 9_500n, bounties: 70n })
  says = (signed) => {
    const reply = answerTo(signed)
    if (reply.kind !== 'answered') return reply
    const answer = openContent(crypto, domain, batchAnswerContent, reply.answer, crypto.addressOf(operatorKey))
    if (!answer.ok) throw new Error(answer.refusal.code)
    const wrong = { ...answer.value, bounty: 71n }
    return { kind: 'answered', answer: signContent(crypto, domain, batchAnswerContent, wrong, operatorKey) }
  }
  await add(2, 10_000n)
  expect(desk.standing).toMatchObject({ credited: 9_500n, bounties: 70n, uncredited: 10_000n })
  expect(lines.join()).toContain('accountant-answer-invalid code=answer-wrong-amount')
})

test('an agreement that is over leaves nothing behind, in memory and on disk; one that waits for an answer stays', async () => {
  const rows = () => [...store.load('exchange-credited')].length
  await add(1, 10_000n)
  await add(2, 10_000n)
  expect(rows()).toBe(2)
  desk.forget(`${alice}/1`)
  desk.forget(`${alice}/3`)
  expect(rows()).toBe(1)
  verdictOf = () => ({ code: 'promise-recovering', delta: 0n, final: false })
  await add(2, 15_000n)
  desk.forget(`${alice}/2`)
  expect(rows()).toBe(1)
  expect(desk.standing).toMatchObject({ credited: 19_000n, uncredited: 5_000n })
  await desk.close()
  await openDesk()
  expect(desk.standing).toMatchObject({ credited: 19_000n, uncredited: 5_000n })
})

test('goes by its own limit while the chain is away', async () => {
  await desk.close()
  published = async () => {
    throw new Fault('chain-unreachable')
  }
  await openDesk()
  takes = 3000
  await add(1, 10_000n)
  expect(desk.standing.credited).toBe(7_000n)
})

test('stops for good where too much is refused without proof', async () => {
  verdictOf = () => ({ code: 'promise-shape', delta: 0n, final: true })
  await add(1, 100n)
  expect(desk.stopped).toBe(false)
  await add(2, 1n)
  expect([desk.stopped, lines.filter((line) => line.startsWith('ALARM')).length]).toEqual([true, 1])
  await desk.close()
  await openDesk()
  const { batches } = asked
  await add(3, 5n)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect([desk.stopped, asked.batches - batches, asked.reveals]).toEqual([true, 0, 0])
})

test('what is proven is refused without an alarm, however much it is', async () => {
  const aliceKey = new Uint8Array(32).fill(0xa1)
  const channel = { chainId: domain.chainId, channel: channelAddress(crypto, contracts, alice, carol.address) }
  const sign = (id: number, amount: bigint, total: bigint, provider = bob.identity): SignedPromise => {
    const agreement = { id: toHex(new Uint8Array(32).fill(id)), provider, total }
    const promise = { amount, hashlock: desk.hashlock, agreement, ticks: noTicks }
    return { consumer: alice, promise, signature: crypto.sign(hashPromise(crypto, channel, promise), aliceKey) }
  }
  let proof = [sign(9, 5_001n, 4_000n, carol.address)]
  verdictOf = () => ({ code: 'promise-breaks-prefix', delta: 0n, final: true, proof })
  desk.add(`${alice}/1`, sign(1, 5_000n, 1_500n), false)
  await desk.flush()
  expect([desk.stopped, desk.standing.uncredited]).toEqual([false, 0n])
  expect(outcomes).toMatchObject([{ proven: true, verdict: { code: 'promise-breaks-prefix' } }])
  proof = [sign(9, 5_501n, 4_000n, carol.address)]
  desk.add(`${alice}/2`, sign(2, 5_000n, 1_500n), false)
  await desk.flush()
  expect([desk.stopped, outcomes[1]?.proven]).toEqual([true, false])
})

describe("after the operator's key was replaced", () => {
  const nextKey = new Uint8Array(32).fill(0xcb)
  const signerNow = () => {
    const shown = desk.newest()?.promise
    if (shown === undefined) return undefined
    const { provider, amount, hashlock, signature } = shown
    return crypto.recover(
      hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock }),
      signature,
    )
  }
  function rotate(): void {
    operatorKey = nextKey
    registeredKey = nextKey
    laterMs = 600_000
  }
  const next = crypto.addressOf(nextKey)

  test('the newest promise is signed anew, durably, and the next one counts from it', async () => {
    await add(1, 10_000n)
    expect(signerNow()).toBe(carol.operator)
    rotate()
    await desk.flush()
    expect([signerNow(), desk.accountant.operator, desk.newest()?.promise.amount]).toEqual([next, next, 9_500n])
    await desk.close()
    resign = () => Promise.reject(new Fault('accountant-unreachable'))
    await openDesk()
    expect(signerNow()).toBe(next)
    await add(2, 10_000n)
    expect([signerNow(), desk.standing.credited]).toEqual([next, 19_000n])
  })

  test('an answer that was lost before it is taken in its new signature', async () => {
    isAnswerLost = true
    await add(1, 10_000n)
    rotate()
    isAnswerLost = false
    await desk.flush()
    expect([signerNow(), desk.standing.credited, desk.standing.uncredited]).toEqual([next, 9_500n, 0n])
  })

  test('a key that nobody registered is not followed, and is asked about again', async () => {
    await add(1, 10_000n)
    operatorKey = nextKey
    await add(2, 10_000n)
    expect([signerNow(), desk.standing.credited]).toEqual([carol.operator, 9_500n])
    expect(lines.join()).toContain('accountant-answer-invalid code=content-wrong-signer')
    registeredKey = nextKey
    laterMs = 30_000
    await desk.flush()
    expect([signerNow(), desk.standing.credited]).toEqual([next, 19_000n])
  })

  test('an answer that the old process gave on the last day is asked for again', async () => {
    await add(1, 10_000n)
    rotate()
    await desk.flush()
    operatorKey = carolKey
    const resigned = resign
    resign = () => {
      operatorKey = nextKey
      return resigned()
    }
    await add(2, 10_000n)
    expect(desk.standing.credited).toBe(9_500n)
    laterMs += 30_000
    await desk.flush()
    expect([signerNow(), desk.standing.credited]).toEqual([next, 19_000n])
  })

  const shown = (change: Partial<SignedAccountantPromise>, key = nextKey) => {
    if (newest === undefined) throw new Error('nothing')
    const promise = { ...newest.promise, ...change }
    return { newest: { ...promise, signature: signedBy(promise, key) } }
  }
  test.each([
    ['in the old signature', () => shown({}, carolKey)],
    ['of a smaller amount', () => shown({ amount: 9_499n })],
    ['of a larger amount', () => shown({ amount: 9_501n })],
    ["under another's lock", () => shown({ hashlock: toHex(new Uint8Array(32).fill(1)) })],
    ['of another epoch', () => shown({ epoch: 1n })],
    ['for another provider', () => shown({ provider: alice })],
    ['of nothing', () => ({})],
  ])('takes no promise %s', async (_, reply) => {
    await add(1, 10_000n)
    const before = desk.newest()
    rotate()
    resign = async () => reply()
    await desk.flush()
    expect(desk.newest()).toEqual(before)
  })

  test('a lost disk gets it in the new signature', async () => {
    await add(1, 10_000n)
    await desk.close()
    rotate()
    store = createMemoryStore()
    await openDesk()
    expect([signerNow(), desk.newest()?.promise.amount, desk.standing.credited]).toEqual([next, 9_500n, 9_500n])
  })
})

describe('where the accountant has lost what it answered', () => {
  const refusing = (code: string, newest?: SignedAccountantPromise) => (): ExchangeReply | undefined =>
    offered.length > 0 ? undefined : { kind: 'refused', code, ...(newest === undefined ? {} : { newest }) }

  /** Of three batches the first is all that it knows. */
  async function answeredThrice(): Promise<SignedAccountantPromise> {
    await add(1, 10_000n)
    const first = desk.newest()?.promise as SignedAccountantPromise
    await add(2, 20_000n)
    await add(3, 30_000n)
    return first
  }

  test.each(['accountant-recovering', 'batch-previous-amount', 'batch-wrong-preimage'])(
    'it is offered the answers since, after a restart of ours too, and the batch again: %s',
    async (code) => {
      const first = await answeredThrice()
      await desk.close()
      await openDesk()
      says = refusing(code, first)
      await add(4, 40_000n)
      expect(offered.map(({ kind }) => kind)).toEqual(['batch', 'batch'])
      expect(desk.standing).toMatchObject({ credited: 95_000n, uncredited: 0n })
    },
  )

  test('and where it knows nothing of us, all of them', async () => {
    await answeredThrice()
    says = refusing('accountant-recovering')
    await add(4, 40_000n)
    expect(offered.map(({ kind }) => kind)).toEqual(['batch', 'batch', 'batch'])
  })

  test('but nothing for another reason, nor to one that shows a promise that is not its own', async () => {
    const first = await answeredThrice()
    for (const code of ['accountant-unavailable', 'batch-malformed', 'batch-wrong-signer']) {
      says = () => ({ kind: 'refused', code })
      await add(4, 40_000n)
    }
    says = refusing('accountant-recovering', { ...first, epoch: first.epoch + 1n })
    await desk.flush()
    says = refusing('accountant-recovering', { ...first, amount: first.amount - 1n })
    await desk.flush()
    expect(offered).toEqual([])
    expect(lines.join()).toContain('accountant-promise-invalid')
  })

  test('what it refuses for now stays, and is credited later', async () => {
    const good = verdictOf
    verdictOf = () => ({ code: 'promise-recovering', delta: 0n, final: false })
    await add(1, 10_000n)
    expect(desk.standing).toMatchObject({ credited: 0n, uncredited: 10_000n })
    verdictOf = good
    await add(2, 20_000n)
    expect(desk.standing).toMatchObject({ credited: 28_500n, uncredited: 0n })
  })

  test('who has nothing to exchange looks after it once an hour', async () => {
    standing = { newest: await answeredThrice() }
    const turn = () => new Promise((resolve) => setTimeout(resolve, 600))
    await turn()
    expect(offered).toEqual([])
    laterMs += 61_000
    await expect.poll(() => offered.map(({ kind }) => kind), { timeout: 5000 }).toEqual(['batch', 'batch'])
    laterMs += 3_540_000
    await turn()
    expect(offered).toHaveLength(2)
    laterMs += 61_000
    await expect.poll(() => offered.length, { timeout: 5000 }).toBe(4)
  })
})
