/**
 * The edge of a recovery, with real signatures: who may offer what, and what tells that the ledger is behind.
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  accountantPromiseStruct,
  type Batch,
  type BatchAnswer,
  batchAnswerContent,
  batchContent,
  channelAddress,
  decodeMessage,
  feeOf,
  hashlockOf,
  hashPromise,
  hashTypedData,
  noTicks,
  type RecoverRequest,
  type SignedAccountantPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Ledger, openLedger } from './ledger/index.ts'
import { createRecoveryService, type RecoveryService, recoveryText } from './recovery-service.ts'
import { createSigner } from './sign-decisions.ts'
import { createSignerFinder } from './signatures/batch-signers.ts'

const crypto = await loadNativeCrypto()
const key = (byte: number) => new Uint8Array(32).fill(byte)
const at = (byte: string): Address => `0x${byte.repeat(20)}`
const [accountant, contracts] = [at('aa'), { registry: at('99'), channelImplementation: at('98') }]
const place = { chainId: 31337n, accountant, contracts }
const domain = { chainId: place.chainId, verifyingContract: accountant }
const [bobKey, aliceKey, operatorKey, malloryKey] = [key(0xb0), key(0xa1), key(0xca), key(0x6a)]
const [bob, alice, operator, mallory] = [bobKey, aliceKey, operatorKey, malloryKey].map(crypto.addressOf) as [
  Address,
  Address,
  Address,
  Address,
]
const dayMs = 86_400_000
const preimageOf = (epoch: bigint) => key(Number(epoch))
const lockOf = (epoch: bigint) => hashlockOf(crypto, preimageOf(epoch))

let ledger: Ledger
let recovery: RecoveryService
let lines: string[]
let nowMs: number

beforeEach(async () => {
  lines = []
  nowMs = 1_700_000_000_000
  const signer = createSigner(crypto, domain, async (hashes) => hashes.map((hash) => crypto.sign(hash, operatorKey)))
  ledger = await openLedger({ store: createMemoryLedgerStore(), crypto, sign: signer })
  const find = createSignerFinder(crypto, place)
  recovery = createRecoveryService(
    {
      crypto,
      ledger,
      findSigners: async (signed, withItems) => find(signed, withItems),
      now: () => nowMs,
      log: (line) => lines.push(line),
    },
    { ...place, operator, recoveryMs: dayMs },
  )
})
afterEach(() => recovery.close())

interface Change {
  readonly batchKey?: Uint8Array
  readonly answerKey?: Uint8Array
  readonly promiseKey?: Uint8Array
  readonly itemKey?: Uint8Array
}

/** Bob's batch of this epoch, each adding ten of Alice's, as it was answered. */
function answered(epoch: bigint, change: Change = {}): Extract<RecoverRequest, { kind: 'batch' }> {
  const amount = 10n * epoch
  const agreement = { id: toHex(key(2)), provider: bob, total: amount }
  const promise = { amount, hashlock: lockOf(epoch), agreement, ticks: noTicks }
  const channel = channelAddress(crypto, contracts, alice, accountant)
  const hash = hashPromise(crypto, { chainId: domain.chainId, channel }, promise)
  const batch: Batch = {
    provider: bob,
    epoch,
    hashlock: lockOf(epoch),
    previousAmount: amount - 10n,
    ...(epoch === 1n ? {} : { lastPreimage: preimageOf(epoch - 1n) }),
    items: [{ consumer: alice, promise, signature: crypto.sign(hash, change.itemKey ?? aliceKey) }],
  }
  const signed = signContent(crypto, domain, batchContent, batch, change.batchKey ?? bobKey)
  const fee = feeOf(10n, 0)
  const answer: BatchAnswer = {
    provider: bob,
    epoch,
    digest: toHex(crypto.keccak256(signed.content)),
    feeRate: 0,
    credited: 10n - fee,
    fee,
    promise: promiseAt(epoch, change.promiseKey),
    verdicts: [{ delta: 10n }],
  }
  const answerSigned = signContent(crypto, domain, batchAnswerContent, answer, change.answerKey ?? operatorKey)
  return { kind: 'batch', batch: signed, answer: answerSigned }
}

function promiseAt(epoch: bigint, by: Uint8Array = operatorKey): SignedAccountantPromise {
  const promise = { provider: bob, amount: 10n * epoch, hashlock: lockOf(epoch) }
  return {
    ...promise,
    epoch,
    signature: crypto.sign(hashTypedData(crypto, domain, accountantPromiseStruct, promise), by),
  }
}

describe('refuses, in this order, and neither changes nor begins anything', () => {
  const newest = (promise: SignedAccountantPromise): RecoverRequest => ({ kind: 'newest', promise, credited: [] })
  const garbled = { content: Uint8Array.of(1), signature: new Uint8Array(65) }
  const rows: [code: string, signer: Address, offer: RecoverRequest][] = [
    ['recovery-malformed', mallory, { ...answered(1n), batch: garbled }],
    ['recovery-wrong-provider', mallory, { ...answered(1n), answer: garbled }],
    ['recovery-malformed', bob, { ...answered(1n, { batchKey: malloryKey }), answer: garbled }],
    ['recovery-wrong-operator', bob, answered(1n, { batchKey: malloryKey, answerKey: malloryKey })],
    ['recovery-wrong-operator', bob, answered(1n, { batchKey: malloryKey, promiseKey: malloryKey })],
    ['recovery-wrong-signer', bob, answered(1n, { batchKey: malloryKey, itemKey: malloryKey })],
    ['recovery-wrong-provider', mallory, newest(promiseAt(1n, malloryKey))],
    ['recovery-wrong-operator', bob, newest(promiseAt(1n, malloryKey))],
    ['recovery-wrong-operator', bob, newest({ ...promiseAt(1n), amount: 11n })],
  ]
  test.each(rows)('%s (%#)', async (code, signer, offer) => {
    expect(await recovery.recover(signer, offer)).toEqual({ kind: 'refused', code })
    expect([recovery.status.recovering, [...ledger.entries('providers')], lines]).toEqual([false, [], []])
  })

  test("recovery-wrong-promise, where an item is not its consumer's", async () => {
    const offer = answered(1n, { itemKey: malloryKey })
    expect(await recovery.recover(bob, offer)).toEqual({ kind: 'refused', code: 'recovery-wrong-promise' })
  })
})

test('a provider that shows a newer promise of ours begins a recovery, once, with an alarm; older ones do not', async () => {
  expect(await recovery.recover(bob, answered(1n))).toEqual({ kind: 'adopted', newestEpoch: 1n })
  expect(lines).toEqual(['ledger-behind reason=provider recovery=true'])
  expect(recovery.status).toMatchObject({ recovering: true, unknown: 0n, recoveryStartedAtMs: nowMs })
  expect(await recovery.recover(bob, answered(1n))).toEqual({ kind: 'known', newestEpoch: 1n })
  expect(await recovery.recover(bob, answered(2n))).toEqual({ kind: 'adopted', newestEpoch: 2n })
  expect(lines).toHaveLength(1)
})

test('what the ledger knows is no news, and begins nothing', async () => {
  const { batch } = answered(1n)
  const found = createSignerFinder(crypto, place)(batch, true)
  const decoded = decodeMessage(batchContent.schema, batch.content)
  if (!decoded.ok) throw new Error(decoded.refusal.code)
  const channel = channelAddress(crypto, contracts, alice, accountant)
  const facts = [{ channel, signer: alice, capacity: 10n, exit: 'none' as const }]
  const terms = { feeRate: 0, minDelta: 1n }
  await ledger.apply({
    kind: 'exchange',
    batch: decoded.value,
    content: batch.content,
    digest: found.digest,
    facts,
    ...terms,
  })
  expect(await recovery.recover(bob, answered(1n))).toEqual({ kind: 'known', newestEpoch: 1n })
  expect([recovery.status.recovering, lines]).toEqual([false, []])
})

test('what is missing is told to the base unit', async () => {
  await recovery.recover(bob, answered(1n))
  const offer = { ...answered(3n), kind: 'batch-after-hole', knownPreimage: preimageOf(1n) } as const
  expect(await recovery.recover(bob, answered(3n))).toEqual({ kind: 'refused', code: 'recovery-hole', newestEpoch: 1n })
  expect(await recovery.recover(bob, offer)).toEqual({ kind: 'adopted', newestEpoch: 3n })
  // The agreement's total says what the missing batch was for.
  expect(recovery.status.unknown).toBe(0n)
  const alone: RecoverRequest = {
    kind: 'newest',
    promise: promiseAt(5n),
    knownPreimage: preimageOf(3n),
    credited: [{ consumer: alice, id: toHex(key(2)), total: 50n }],
  }
  expect(await recovery.recover(bob, alone)).toEqual({ kind: 'adopted', newestEpoch: 5n })
  expect(lines.at(-1)).toBe(`recovery-unknown provider=${bob} amount=20`)
  expect(recoveryText(recovery.status)).toMatchObject({ recovering: true, unknownCredit: '20' })
})

test('the chain shows more than was promised: an alarm with both figures; and its preimage serves when the answer comes', async () => {
  await recovery.settled(bob, 0n)
  await recovery.settled(bob, 10n, preimageOf(1n))
  expect(lines).toEqual([`ledger-behind reason=chain recovery=true provider=${bob} amount=10 known=0`])
  await recovery.settled(bob, 10n, preimageOf(1n))
  expect(lines).toHaveLength(1)
  await recovery.recover(bob, answered(1n))
  expect(ledger.get('locks', lockOf(1n))).toMatchObject({ provider: bob })
  expect(ledger.get('providers', bob)?.unrevealed).toBeUndefined()
})

test('a day later, by the clock, it is over', async () => {
  await recovery.begin('backup')
  expect(recovery.status.recovering).toBe(true)
  nowMs += dayMs - 1
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(recovery.status.recovering).toBe(true)
  nowMs += 1
  await expect.poll(() => recovery.status.recovering, { timeout: 5_000 }).toBe(false)
  expect(lines.at(-1)).toBe('recovery-ended unknown=0')
})
