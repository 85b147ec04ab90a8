import type { ChainClient } from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, type FastExitReply, Fault, fastExitStruct, hashTypedData, zeroAddress } from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { alice } from '@myst/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ChannelStanding } from './channel-view.ts'
import { createFastExits, type FastExits } from './fast-exits.ts'
import type { Ledger } from './ledger/index.ts'
import { channelOf, openTestLedger } from './ledger/testing.ts'

const crypto = await loadNativeCrypto()
const operatorKey = new Uint8Array(32).fill(0xca)
const consumer = alice.identity
const channel = channelOf(consumer)
const exit = { amount: 40n, beneficiary: consumer, transactor: zeroAddress, fee: 0n, nonce: 1n, deadline: 2_000n }

/** What two RPCs show of the exit, at whatever depth. */
let shown: { block: bigint; timestampS: bigint; isUsed: boolean }[]
let away: boolean
let full: boolean
let forgotten: number
let store: LedgerStore
let ledger: Ledger
let fastExits: FastExits
let exitDelayS: bigint

const clientOf = (index: number): ChainClient => {
  const seen = () => shown[index] as (typeof shown)[number]
  const rpc = {
    getBlockNumber: async () => {
      if (away) throw new Error('away')
      return seen().block
    },
    getBlock: async () => ({ number: seen().block, timestamp: seen().timestampS, hash: '0x01' }),
    call: async () => ({ data: seen().isUsed ? '0x01' : undefined }),
  }
  return { rpc, rpcUrl: `${index}` } as unknown as ChainClient
}

async function open(): Promise<void> {
  ledger = await openTestLedger(store)
  const standing: ChannelStanding = {
    channel,
    capacity: 100n,
    settled: 0n,
    settledDeep: 0n,
    balance: 100n,
    held: 0n,
    deployed: true,
    exit: 'none',
    block: 10n,
    headTimestampS: 1_000n,
  }
  fastExits = createFastExits(
    {
      clients: [clientOf(0), clientOf(1)],
      crypto,
      ledger,
      channels: {
        channelOf: () => standing.channel,
        async look() {
          if (away) throw new Fault('chain-unreachable')
          return standing
        },
        known: () => undefined,
        forget: () => void forgotten++,
      },
      channelOf,
      sign: async (hashes) => hashes.map((hash) => crypto.sign(hash, operatorKey)),
      onFault: () => {},
    },
    { chainId: 31337n, exitDelayS, confirmationDepth: 1, everyMs: 3_600_000 },
  )
}

beforeEach(async () => {
  shown = [0, 1].map(() => ({ block: 20n, timestampS: 1_000n, isUsed: false }))
  away = false
  full = false
  forgotten = 0
  exitDelayS = 86_400n
  const disk = createMemoryLedgerStore()
  store = {
    ...disk,
    append(next) {
      if (full) throw new Fault('store-full')
      return disk.append(next)
    },
  }
  await open()
})
afterEach(() => fastExits.close())

function signatureOf(reply: FastExitReply): Uint8Array {
  if (reply.kind === 'refused') throw new Error(reply.code)
  return reply.signature
}

test('gives the signature that the channel checks', async () => {
  const signature = signatureOf(await fastExits.open(consumer, exit))
  const hash = hashTypedData(crypto, { chainId: 31337n, verifyingContract: channel as Address }, fastExitStruct, exit)
  expect(crypto.recover(hash, signature)).toBe(crypto.addressOf(operatorKey))
  expect(fastExits.size).toBe(1)
})

test('gives none before the ledger has it, and the same one while the chain is away', async () => {
  full = true
  expect(await fastExits.open(consumer, exit)).toEqual({
    kind: 'refused',
    code: 'accountant-unavailable',
    why: 'ledger-stopped',
  })
  expect([fastExits.size, ledger.get('fastExits', channel)]).toEqual([0, undefined])
  full = false
  const signature = signatureOf(await fastExits.open(consumer, exit))
  away = true
  expect(signatureOf(await fastExits.open(consumer, exit))).toEqual(signature)
  expect(await fastExits.open(consumer, { ...exit, nonce: 2n })).toMatchObject({ code: 'accountant-unavailable' })
})

test('of two that are asked for at once, one is signed', async () => {
  const replies = await Promise.all([1n, 2n].map((nonce) => fastExits.open(consumer, { ...exit, nonce })))
  expect(replies.map((reply) => (reply.kind === 'refused' ? reply.code : reply.kind)).sort()).toEqual([
    'fast-exit-open',
    'signed',
  ])
})

test('lives for an hour at most, and for half of the exit delay', async () => {
  const latest = { ...exit, deadline: 1_000n + 3_600n }
  const later = { ...latest, deadline: latest.deadline + 1n }
  expect(await fastExits.open(consumer, later)).toMatchObject({ latestDeadline: latest.deadline })
  expect((await fastExits.open(consumer, latest)).kind).toBe('signed')
  await fastExits.close()
  exitDelayS = 1_000n
  store = createMemoryLedgerStore()
  await open()
  expect(await fastExits.open(consumer, latest)).toMatchObject({ latestDeadline: 1_500n })
})

test('is over when every RPC shows it, over a restart, and counts from the newest block of them', async () => {
  await fastExits.open(consumer, exit)
  const isOpen = () => ledger.get('fastExits', channel)?.isOpen
  shown = [
    { block: 30n, timestampS: 1_100n, isUsed: true },
    { block: 31n, timestampS: 1_110n, isUsed: false },
  ]
  await fastExits.look()
  expect([isOpen(), forgotten]).toEqual([true, 0])
  await fastExits.close()
  await open()
  expect(fastExits.size).toBe(1)
  away = true
  await fastExits.look()
  expect(isOpen()).toBe(true)
  away = false
  shown = [
    { block: 32n, timestampS: 1_120n, isUsed: true },
    { block: 33n, timestampS: 1_130n, isUsed: true },
  ]
  await fastExits.look()
  expect(ledger.get('fastExits', channel)).toMatchObject({ isOpen: false, sinceBlock: 33n })
  expect([fastExits.size, forgotten]).toEqual([0, 1])
})

test('is too late when the last RPC says so', async () => {
  await fastExits.open(consumer, exit)
  shown = [2_001n, 2_000n].map((timestampS) => ({ block: 30n, timestampS, isUsed: false }))
  await fastExits.look()
  expect(fastExits.size).toBe(1)
  shown = [2_001n, 2_001n].map((timestampS) => ({ block: 31n, timestampS, isUsed: false }))
  await fastExits.look()
  expect(fastExits.size).toBe(0)
})
