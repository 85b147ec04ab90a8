/**
 * The desk against an accountant that we write here: honest but for what each test says.
 */

import {
  type AccountantPromise,
  type Address,
  accountantPromiseStruct,
  type BatchAnswer,
  batchAnswerContent,
  batchContent,
  referenceCrypto as crypto,
  type ExchangeReply,
  Fault,
  feeOf,
  hashTypedData,
  type ItemVerdict,
  noTicks,
  openContent,
  type SignedContent,
  type SignedPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AccountantClient } from '../accountant-client.ts'
import { systemClock } from '../clock.ts'
import { deriveKeys } from '../keys.ts'
import { type ExchangeDesk, openExchangeDesk } from './exchange-desk.ts'

const bob = deriveKeys(crypto, new Uint8Array(32).fill(0xb0))
const alice = crypto.addressOf(new Uint8Array(32).fill(0xa1))
const carolKey = new Uint8Array(32).fill(0xca)
const carol = {
  address: toHex(new Uint8Array(20).fill(0xcc)) as Address,
  operator: crypto.addressOf(carolKey),
  url: '',
}
const domain = { chainId: 31337n, verifyingContract: carol.address }

let store: RecordStore
let desk: ExchangeDesk
let lines: string[]
let asked: { batches: number; reveals: number }
let verdictOf: (signed: SignedPromise) => ItemVerdict
let takes: number
let published: () => Promise<number>

function answerTo(content: SignedContent): ExchangeReply {
  asked.batches++
  const batch = openContent(crypto, domain, batchContent, content, bob.identity)
  if (!batch.ok) throw new Error(batch.refusal.code)
  const { provider, epoch, hashlock, previousAmount, items } = batch.value
  const verdicts = items.map(verdictOf)
  const sum = verdicts.reduce((total, { delta }) => total + delta, 0n)
  const fee = feeOf(sum, takes)
  const promise: AccountantPromise = { provider, amount: previousAmount + sum - fee, hashlock }
  const signature = crypto.sign(hashTypedData(crypto, domain, accountantPromiseStruct, promise), carolKey)
  const answer: BatchAnswer = {
    provider,
    epoch,
    digest: toHex(crypto.keccak256(content.content)),
    feeRate: takes,
    credited: sum - fee,
    fee,
    promise: { ...promise, epoch, signature },
    verdicts,
  }
  return { kind: 'answered', answer: signContent(crypto, domain, batchAnswerContent, answer, carolKey) }
}

async function openDesk(): Promise<void> {
  const client = {
    exchange: async (content: SignedContent) => answerTo(content),
    reveal: async () => {
      asked.reveals++
    },
    providerStanding: async () => ({}),
  } as unknown as AccountantClient
  const log = (line: string) => lines.push(line)
  desk = await openExchangeDesk(
    { crypto, clock: systemClock, store, client, onOutcomes: () => {}, feeRate: () => published(), log },
    {
      keys: bob,
      chainId: domain.chainId,
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
  asked = { batches: 0, reveals: 0 }
  verdictOf = ({ promise }) => ({ delta: promise.agreement.total })
  takes = 500
  published = async () => 500
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
