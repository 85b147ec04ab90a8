/**
 * The operator's key is replaced, on a real chain, with its two weeks of notice: what was promised before is signed anew, and
 * a provider without any guarantee is paid in full.
 */

import type { Accountant, AccountantOptions } from '@myst/accountant'
import { createSender } from '@myst/chain'
import { accountantAbi, mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import {
  type AccountantPromise,
  type Address,
  accountantPromiseStruct,
  batchAnswerContent,
  type Fault,
  hashTypedData,
  myst,
  openContent,
  providerStandingSchema,
  resignReplySchema,
  toHex,
} from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askSigned, openTestChain, postBatch, type TestChain } from './chain.fixture.ts'
import { createPair } from './pair.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.42.2'
const dayS = 86_400
const nextKey = new Uint8Array(32).fill(0xee)
const [oldOperator, nextOperator] = [crypto.addressOf(richKeys.operator), crypto.addressOf(nextKey)]
let world: TestChain
let carol: Accountant | undefined

beforeAll(async () => {
  world = await openTestChain(crypto, host)
}, 30_000)
afterAll(async () => {
  await carol?.close()
  await world?.close()
})

/** @returns what ends the process. */
async function start(change: Partial<AccountantOptions>): Promise<{ readonly ended: Promise<Fault> }> {
  const lost = Promise.withResolvers<Fault>()
  await carol?.close()
  carol = undefined
  carol = await world.startAccountant({ onLost: lost.resolve, ...change })
  return { ended: lost.promise }
}

const domain = () => ({ chainId: world.profile.chainId, verifyingContract: world.network.accountant })
const signerOf = ({ provider, amount, hashlock }: AccountantPromise, signature: Uint8Array) =>
  crypto.recover(hashTypedData(crypto, domain(), accountantPromiseStruct, { provider, amount, hashlock }), signature)
const rpc = (method: string, params: readonly unknown[] = []) =>
  world.chain.client.rpc.request({ method, params } as never)
const read = <N extends 'operator' | 'freeFunds'>(functionName: N) =>
  world.chain.client.rpc.readContract({ address: world.network.accountant, abi: accountantAbi, functionName })
const send = (key: Uint8Array, name: 'announceRotation' | 'rotate' | 'settle', args: readonly unknown[]) =>
  createSender(world.chain.client, key).send({
    to: world.network.accountant,
    abi: accountantAbi,
    name,
    args,
  } as never)
const balanceOf = (of: Address) =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [of],
  })

test('before, on the day, and after: a provider without a guarantee is paid in full with what was signed anew', async () => {
  await start({})
  const { credit, last, bob, bobKey, preimageOf } = await createPair(crypto, world, 1, 5n * myst)
  const resign = () =>
    askSigned(crypto, world, { key: bobKey, method: 'POST', path: '/v1/resign', answer: resignReplySchema })
  expect(await resign()).toEqual({})
  expect(await credit(myst)).toBe('accepted')
  const { promise } = last().answer
  expect(await resign()).toEqual({ newest: promise })

  // Announced: the program has both keys, signs with the one that holds, and shows what the other will be worth.
  await send(richKeys.deployer, 'announceRotation', [nextOperator])
  const { ended } = await start({ nextOperatorKey: nextKey })
  const before = await resign()
  expect(before.newest).toEqual(promise)
  expect(before.next?.operator).toBe(nextOperator)
  expect(signerOf(promise, before.next?.signature as Uint8Array)).toBe(nextOperator)

  await rpc('evm_increaseTime', [14 * dayS + 60])
  await rpc('evm_mine')
  await send(richKeys.transactor, 'rotate', [])
  expect(((await read('operator')) as string).toLowerCase()).toBe(nextOperator)
  expect(await ended).toMatchObject({
    code: 'operator-rotated',
    facts: { signed: oldOperator, registered: nextOperator },
  })

  // The old key by itself is none any more.
  await expect(start({})).rejects.toMatchObject({ code: 'operator-key-wrong' })
  await start({ nextOperatorKey: nextKey })
  const { newest, next } = await resign()
  expect(next).toBeUndefined()
  expect(newest).toEqual({ ...promise, signature: before.next?.signature })
  const standing = await askSigned(crypto, world, {
    key: bobKey,
    method: 'GET',
    path: '/v1/providers/me',
    answer: providerStandingSchema,
  })
  expect(standing.newest).toEqual(newest)
  // Who lost the answer asks for it as ever, and can verify it.
  const again = await postBatch(world.accountantUrl, last().batch)
  if (again.kind !== 'answered') throw new Error(again.kind)
  const opened = openContent(crypto, domain(), batchAnswerContent, again.answer, nextOperator)
  expect(opened).toMatchObject({ ok: true, value: { ...last().answer, promise: newest } })

  await rpc('anvil_setBalance', [bob, '0xde0b6b3a7640000'])
  const preimage = toHex(preimageOf(1n))
  const settle = (signature: Uint8Array) => send(bobKey, 'settle', [bob, promise.amount, preimage, toHex(signature)])
  await expect(settle(promise.signature)).rejects.toThrow('NothingToPay')
  await settle(newest?.signature as Uint8Array)
  expect(await balanceOf(bob)).toBe(promise.amount)

  // And business goes on under the new key.
  expect(await credit(2n * myst)).toBe('accepted')
  expect(signerOf(last().answer.promise, last().answer.promise.signature)).toBe(nextOperator)
}, 120_000)
