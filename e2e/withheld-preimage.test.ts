/**
 * A consumer and a provider who work together: he lets the accountant credit him, keeps the preimage back, she takes her
 * money out of the channel, and then he settles. On the real chain, against the real accountant: they gain nothing.
 */

import type { Accountant } from '@myst/accountant'
import { createSender, readChannel } from '@myst/chain'
import { accountantAbi, consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import {
  type Address,
  type Batch,
  batchAnswerContent,
  batchContent,
  channelAddress,
  decodeMessage,
  derivePreimage,
  type ExitRequest,
  exitRequestStruct,
  hashlockOf,
  hashPromise,
  hashTypedData,
  maxBatchBytes,
  myst,
  noTicks,
  type PaymentPromise,
  preimageSecret,
  type SignedContent,
  signContent,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import { expect, test } from 'vitest'
import { openTestChain, postBatch } from './chain.fixture.ts'

const crypto = await loadNativeCrypto()
const keyOf = (byte: number) => new Uint8Array(32).fill(byte)
const [erinKey, danKey] = [keyOf(0xe1), keyOf(0xd1)]
const [erin, dan] = [crypto.addressOf(erinKey), crypto.addressOf(danKey)]
const paidIn = 5n * myst
const promised = 2n * myst
const dayS = 86_400

test('who withholds the preimage and exits gains nothing', async () => {
  const host = '127.0.31.1'
  const world = await openTestChain(crypto, host)
  let carol: Accountant | undefined
  try {
    const { accountantUrl: url } = world
    const { client } = world.chain
    const { contracts, accountant, faucet } = world.network
    carol = await world.startAccountant({ collectEveryMs: 300 })
    const sender = createSender(client, richKeys.transactor)
    const channel = channelAddress(crypto, contracts, erin, accountant)
    await faucet(channel, paidIn)
    await sender.send({ to: contracts.registry, abi: registryAbi, name: 'openChannel', args: [erin, accountant] })

    // Erin promises, Dan lets Carol credit it, and neither shows the preimage.
    const domain = { chainId: client.chainId, verifyingContract: accountant }
    const preimage = derivePreimage(preimageSecret(danKey), { chainId: client.chainId, accountant }, 1n)
    const hashlock = hashlockOf(crypto, preimage)
    const promise: PaymentPromise = {
      amount: promised,
      hashlock,
      agreement: { id: toHex(keyOf(1)), provider: dan, total: promised },
      ticks: noTicks,
    }
    const signature = crypto.sign(hashPromise(crypto, { chainId: client.chainId, channel }, promise), erinKey)
    const batch: Batch = {
      provider: dan,
      epoch: 1n,
      hashlock,
      previousAmount: 0n,
      items: [{ consumer: erin, promise, signature }],
    }
    const answer = await exchange(url, signContent(crypto, domain, batchContent, batch, danKey))
    expect(answer.verdicts[0]?.code).toBeUndefined()
    const credited = answer.promise.amount
    expect(credited).toBe((promised * 95n) / 100n)

    // Erin asks for her money back; Carol lays the promise on chain as a hold at once.
    const request: ExitRequest = { beneficiary: erin, transactor: zeroAddress, fee: 0n, nonce: 1n, deadline: 2n ** 40n }
    const exitSignature = crypto.sign(
      hashTypedData(crypto, { chainId: client.chainId, verifyingContract: channel }, exitRequestStruct, request),
      erinKey,
    )
    await sender.send({
      to: channel,
      abi: consumerChannelAbi,
      name: 'requestExit',
      args: [request, toHex(exitSignature)],
    })
    const place = { ...contracts, identity: erin, channel, depth: 1, deployedAtBlock: 0n }
    const look = async () => (await readChannel(client, place)).head
    await expect.poll(async () => (await look()).held, { timeout: 10_000 }).toBe(promised)

    // Four days later she takes what is left, and then Dan settles.
    await client.rpc.request({ method: 'evm_increaseTime' as never, params: [4 * dayS + 60] as never })
    await client.rpc.request({ method: 'evm_mine' as never, params: [] as never })
    await sender.send({ to: channel, abi: consumerChannelAbi, name: 'finalizeExit', args: [] })
    const balanceOf = (of: Address) =>
      client.rpc.readContract({ address: contracts.token, abi: mystTokenAbi, functionName: 'balanceOf', args: [of] })
    expect(await balanceOf(erin)).toBe(paidIn - promised)
    const danSends = createSender(client, danKey)
    await client.rpc.request({
      method: 'anvil_setBalance' as never,
      params: [dan, toHex(new Uint8Array(8).fill(1))] as never,
    })
    await danSends.send({
      to: accountant,
      abi: accountantAbi,
      name: 'settle',
      args: [dan, credited, toHex(preimage), toHex(answer.promise.signature)],
    })

    // His settlement shows the preimage to everybody, and Carol collects what was held.
    await expect.poll(async () => (await look()).settled, { timeout: 10_000 }).toBe(promised)
    const together = (await balanceOf(erin)) + (await balanceOf(dan))
    expect(together).toBe(paidIn - promised + credited)
    expect(await balanceOf(channel)).toBe(0n)
  } finally {
    await carol?.close()
    await world.close()
  }
}, 60_000)

async function exchange(url: string, batch: SignedContent) {
  const reply = await postBatch(url, batch)
  if (reply.kind !== 'answered') throw new Error(`not answered: ${reply.kind}`)
  const answer = decodeMessage(batchAnswerContent.schema, reply.answer.content, maxBatchBytes)
  if (!answer.ok) throw new Error(answer.refusal.code)
  return answer.value
}
