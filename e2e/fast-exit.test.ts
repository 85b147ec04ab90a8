/**
 * Fast exits against the real accountant and contracts: the money is there at once, what was credited stays, and what a
 * channel can promise follows the chain through executions, deadlines, restarts and reorgs.
 */

import type { Accountant, AccountantOptions } from '@myst/accountant'
import { createSender, readChannel } from '@myst/chain'
import { consumerChannelAbi, mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import {
  type Address,
  consumerStandingSchema,
  encodeMessage,
  type FastExitReply,
  type FastExitTerms,
  fastExitReplySchema,
  fastExitSchema,
  fastExitStruct,
  hashTypedData,
  myst,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { askSigned, openTestChain, type TestChain } from './chain.fixture.ts'
import { createPair, type Pair } from './pair.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.42.1'
const paidIn = 5n * myst
/** 1 MYST is kept for a registration that is still to be paid. */
const capacity = paidIn - myst
const soon = { timeout: 20_000, interval: 200 }
let world: TestChain
let carol: Accountant | undefined
const logged: string[] = []

beforeAll(async () => {
  world = await openTestChain(crypto, host)
}, 30_000)
afterAll(() => world?.close())
afterEach(() => carol?.close())

async function start(confirmationDepth: number, change: Partial<AccountantOptions> = {}): Promise<void> {
  carol = await world.startAccountant({
    profile: { ...world.profile, confirmationDepth },
    dataDir: `${world.dir}/accountant-${confirmationDepth}`,
    log: (line) => logged.push(line),
    ...change,
  })
}

let pairs = 0
let pair: Pair
let alice: Address
let channel: Address
const credit = (amount: bigint) => pair.credit(amount)
beforeEach(async () => {
  logged.length = 0
  pairs += 1
  pair = await createPair(crypto, world, pairs, paidIn)
  ;({ alice, channel } = pair)
})

const ask = (exit: FastExitTerms, key = pair.aliceKey): Promise<FastExitReply> =>
  askSigned(crypto, world, {
    key,
    method: 'POST',
    path: '/v1/fast-exit',
    body: encodeMessage(fastExitSchema, exit),
    answer: fastExitReplySchema,
  })
const standing = () =>
  askSigned(crypto, world, {
    key: pair.aliceKey,
    method: 'GET',
    path: '/v1/consumers/me',
    answer: consumerStandingSchema,
  })
const stated = async () => (await standing()).capacity

async function exitOf(amount: bigint, nonce = 1n): Promise<FastExitTerms> {
  const { timestamp } = await world.chain.client.rpc.getBlock()
  return { amount, beneficiary: alice, transactor: zeroAddress, fee: 0n, nonce, deadline: timestamp + 1_800n }
}
function signatureOf(reply: FastExitReply): Uint8Array {
  if (reply.kind === 'refused') throw new Error(reply.code)
  return reply.signature
}

/** By somebody with gas; nobody is named. */
async function execute(exit: FastExitTerms, operatorSignature: Uint8Array): Promise<void> {
  const domain = { chainId: world.profile.chainId, verifyingContract: channel }
  const signature = toHex(crypto.sign(hashTypedData(crypto, domain, fastExitStruct, exit), pair.aliceKey))
  await createSender(world.chain.client, richKeys.transactor).send({
    to: channel,
    abi: consumerChannelAbi,
    name: 'fastExit',
    args: [exit, signature, toHex(operatorSignature)],
  })
}
const balanceOf = (of: Address) =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [of],
  })
const rpc = <T = unknown>(method: string, params: readonly unknown[] = []) =>
  world.chain.client.rpc.request({ method, params } as never) as Promise<T>
const mine = (blocks: number) => rpc('anvil_mine', [`0x${blocks.toString(16)}`])

test('a consumer has her money at once, and what she promised is collected all the same', async () => {
  await start(1)
  expect(await credit(myst)).toBe('accepted')
  expect(await ask(await exitOf(4n * myst))).toMatchObject({
    kind: 'refused',
    code: 'fast-exit-over-capacity',
    available: capacity - myst,
  })
  const exit = await exitOf(capacity - myst)
  const signature = signatureOf(await ask(exit))
  expect(signatureOf(await ask(exit))).toEqual(signature)
  expect(await ask({ ...exit, nonce: 2n })).toMatchObject({ kind: 'refused', code: 'fast-exit-open' })
  expect(await standing()).toMatchObject({ capacity: myst, fastExit: { exit, signature } })
  expect(await credit(2n * myst)).toBe('promise-over-capacity')

  await execute(exit, signature)
  expect(await balanceOf(alice)).toBe(capacity - myst)
  await carol?.lookAtFastExits()
  expect((await standing()).fastExit).toBeUndefined()
  expect(await stated()).toBe(myst)
  expect(await credit(2n * myst)).toBe('promise-over-capacity')
  expect(logged.filter((line) => line.startsWith('channel-shrank'))).toEqual([])

  // Bob showed the preimage of the first with his second batch.
  expect(await carol?.collect()).toBe(myst)
  const place = { ...world.network.contracts, identity: alice, channel, depth: 1, deployedAtBlock: 0n }
  expect((await readChannel(world.chain.client, place)).head.settled).toBe(myst)
}, 60_000)

test('a request that is not hers, not whole, or too long is refused', async () => {
  await start(1)
  const exit = await exitOf(myst)
  const mallory = new Uint8Array(32).fill(0x77)
  // It is Mallory's own channel that she asks about.
  expect(await ask(exit, mallory)).toMatchObject({ code: 'fast-exit-over-capacity', available: 0n })
  expect(await ask({ ...exit, fee: 1n })).toMatchObject({ code: 'fast-exit-shape' })
  expect(await ask({ ...exit, deadline: exit.deadline + 3_600n })).toMatchObject({ code: 'fast-exit-deadline' })
  const shapeless = { key: pair.aliceKey, method: 'POST', path: '/v1/fast-exit', body: Uint8Array.of(1) } as const
  await expect(askSigned(crypto, world, { ...shapeless, answer: fastExitReplySchema })).rejects.toThrow('400')
  expect(await stated()).toBe(capacity)
})

test('one that nobody executes gives the capacity back after its deadline, over a restart', async () => {
  await start(1)
  const exit = await exitOf(3n * myst)
  const signature = signatureOf(await ask(exit))
  expect(await stated()).toBe(capacity - 3n * myst)
  await carol?.close()
  await start(1)
  expect(await stated()).toBe(capacity - 3n * myst)
  expect(signatureOf(await ask(exit))).toEqual(signature)
  await rpc('evm_increaseTime', [1_801])
  await mine(1)
  await expect.poll(stated, soon).toBe(capacity)
  await expect(execute(exit, signature)).rejects.toThrow('DeadlinePassed')
  expect(await credit(capacity)).toBe('accepted')
}, 60_000)

test('an execution that the chain takes back counts as open until it is deep, or late', async () => {
  await start(4)
  await mine(4)
  await expect.poll(stated, soon).toBe(capacity)
  const exit = await exitOf(3n * myst)
  const signature = signatureOf(await ask(exit))
  const before = await rpc<string>('evm_snapshot')
  await execute(exit, signature)
  await mine(1)
  await carol?.lookAtFastExits()
  await rpc('evm_revert', [before])
  await mine(1)
  expect((await standing()).fastExit?.signature).toEqual(signature)
  expect(await credit(2n * myst)).toBe('promise-over-capacity')

  await execute(exit, signature)
  await mine(1)
  // Mined, and not deep: both the chain and the ledger count it.
  await carol?.lookAtFastExits()
  expect((await standing()).fastExit?.signature).toEqual(signature)
  await mine(4)
  await expect.poll(async () => (await standing()).fastExit, soon).toBeUndefined()
  await expect.poll(stated, soon).toBe(capacity - 3n * myst)
  expect(await credit(myst)).toBe('accepted')
}, 60_000)
