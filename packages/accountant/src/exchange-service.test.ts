import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type Address,
  type Batch,
  batchAnswerContent,
  batchContent,
  channelAddress,
  Fault,
  hashlockOf,
  hashPromise,
  noTicks,
  openContent,
  type SignedPromise,
  signContent,
  toHex,
} from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { afterEach, expect, test } from 'vitest'
import type { ChannelView } from './channel-view.ts'
import { createExchangeService } from './exchange-service.ts'
import { openLedger } from './ledger/index.ts'
import { createSigner } from './sign-decisions.ts'
import { createSignaturePool, type SignaturePool } from './signatures/pool.ts'

const crypto = await loadNativeCrypto()
const key = (byte: number) => new Uint8Array(32).fill(byte)
const at = (byte: string): Address => `0x${byte.repeat(20)}`
const accountant = at('aa')
const contracts = { registry: at('99'), channelImplementation: at('98') }
const domain = { chainId: 31337n, verifyingContract: accountant }
const [bobKey, aliceKey, operatorKey] = [key(0xb0), key(0xa1), key(0xca)]
const [bob, alice, operator] = [bobKey, aliceKey, operatorKey].map((of) => crypto.addressOf(of)) as [
  Address,
  Address,
  Address,
]
const hashlock = hashlockOf(crypto, key(1))

let signatures: SignaturePool | undefined
afterEach(() => signatures?.close())

async function serviceOf(look: ChannelView['look']) {
  const pool = createSignaturePool({ chainId: domain.chainId, accountant, contracts, operatorKey }, 1)
  signatures = pool
  const { findSigners, sign } = pool
  const ledger = await openLedger({
    store: createMemoryLedgerStore(),
    crypto,
    sign: createSigner(crypto, domain, sign),
  })
  const channelOf = (consumer: Address) => channelAddress(crypto, contracts, consumer, accountant)
  const channels: ChannelView = { channelOf, look, known: () => undefined, forget() {} }
  return createExchangeService(
    { crypto, ledger, channels, findSigners, sign, now: Date.now },
    { chainId: domain.chainId, accountant, feeRate: 0, minDelta: 1n },
  )
}

/** Alice's, in her channel at one accountant or another. */
function promiseAt(of: Address, signedWith = aliceKey): SignedPromise {
  const promise = { amount: 5n, hashlock, agreement: { id: toHex(key(2)), provider: bob, total: 5n }, ticks: noTicks }
  const channel = channelAddress(crypto, contracts, alice, of)
  const hash = hashPromise(crypto, { chainId: domain.chainId, channel }, promise)
  return { consumer: alice, promise, signature: crypto.sign(hash, signedWith) }
}
const batchOf = (change: Partial<Batch>, signedWith = bobKey) => {
  const batch: Batch = {
    provider: bob,
    epoch: 1n,
    hashlock,
    previousAmount: 0n,
    items: [promiseAt(accountant)],
    ...change,
  }
  return signContent(crypto, domain, batchContent, batch, signedWith)
}
const standing = {
  settled: 0n,
  settledDeep: 0n,
  balance: 10n,
  held: 0n,
  deployed: true,
  exit: 'none',
  block: 1n,
  headTimestampS: 1n,
} as const
const rich: ChannelView['look'] = async () => ({ ...standing, channel: at('c1'), capacity: 10n })

test('a batch that can credit nothing, and one answered before, cost no look at a channel', async () => {
  let looks = 0
  const { exchange } = await serviceOf(async () => {
    looks += 1
    throw new Fault('chain-unreachable')
  })
  expect(await exchange(batchOf({ previousAmount: 7n }))).toMatchObject({ code: 'batch-previous-amount' })
  expect((await exchange(batchOf({ items: [] }))).kind).toBe('answered')
  expect((await exchange(batchOf({}))).kind).toBe('already-answered')
  expect(looks).toBe(0)
  expect(await exchange(batchOf({ epoch: 2n, lastPreimage: key(1) }))).toMatchObject({ code: 'accountant-unavailable' })
  expect(looks).toBe(1)
})

test('a batch that its provider did not sign is refused, whatever the provider was told before', async () => {
  const { exchange } = await serviceOf(rich)
  expect(await exchange(batchOf({}, aliceKey))).toMatchObject({ code: 'batch-wrong-signer' })
  expect((await exchange(batchOf({}))).kind).toBe('answered')
  // The answered epoch is no oracle: a stranger learns nothing of it.
  expect(await exchange(batchOf({}, aliceKey))).toMatchObject({ code: 'batch-wrong-signer' })
})

test('the same batch, twice at once, is answered once and alike', async () => {
  const { exchange } = await serviceOf(rich)
  const batch = batchOf({})
  const [first, second] = await Promise.all([exchange(batch), exchange(batch)])
  expect(first.kind).toBe('answered')
  expect(second).toEqual(first)
})

test.each([
  { what: 'ours credits', of: accountant, code: undefined, looks: 1 },
  {
    what: "A9: another accountant's credits nothing here, and costs no look",
    of: at('ab'),
    code: 'promise-wrong-signer',
    looks: 0,
  },
])('a promise for a channel: $what', async ({ of, code, looks }) => {
  let looked = 0
  const { exchange } = await serviceOf((...asked) => {
    looked += 1
    return rich(...asked)
  })
  const reply = await exchange(batchOf({ items: [promiseAt(of)] }))
  if (reply.kind !== 'answered') throw new Error(reply.kind)
  const answer = openContent(crypto, domain, batchAnswerContent, reply.answer, operator)
  expect(answer).toMatchObject({ ok: true, value: { verdicts: [code === undefined ? { delta: 5n } : { code }] } })
  expect(looked).toBe(looks)
})
