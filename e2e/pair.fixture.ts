/**
 * A consumer with money on her channel and a provider, both new: what she promises he exchanges at once.
 *
 * @module
 */

import { createSender } from '@myst/chain'
import { registryAbi } from '@myst/contracts'
import { richKeys } from '@myst/devnet'
import {
  type Address,
  type BatchAnswer,
  batchAnswerSchema,
  batchContent,
  type Crypto,
  channelAddress,
  decodeMessage,
  derivePreimage,
  hashlockOf,
  hashPromise,
  maxBatchBytes,
  noTicks,
  type PaymentPromise,
  preimageSecret,
  type SignedContent,
  signContent,
  toHex,
} from '@myst/protocol'
import { postBatch, type TestChain } from './chain.fixture.ts'

export interface Pair {
  readonly aliceKey: Uint8Array
  readonly bobKey: Uint8Array
  readonly alice: Address
  readonly bob: Address
  readonly channel: Address
  /** Alice promises so much in all. @returns what became of it. */
  credit(amount: bigint): Promise<string>
  /** The last answer, and the batch that it is to. */
  last(): { readonly answer: BatchAnswer; readonly signed: SignedContent; readonly batch: SignedContent }
  preimageOf(epoch: bigint): Uint8Array
}

/** @param seed of their keys; each pair of a chain takes its own, below 128. */
export async function createPair(crypto: Crypto, world: TestChain, seed: number, paidIn: bigint): Promise<Pair> {
  const { contracts, accountant, faucet } = world.network
  const { chainId } = world.profile
  const [aliceKey, bobKey] = [new Uint8Array(32).fill(2 * seed), new Uint8Array(32).fill(2 * seed + 1)]
  const [alice, bob] = [crypto.addressOf(aliceKey), crypto.addressOf(bobKey)]
  const channel = channelAddress(crypto, contracts, alice, accountant)
  const preimageOf = (epoch: bigint) => derivePreimage(preimageSecret(bobKey), { chainId, accountant }, epoch)
  await faucet(channel, paidIn)
  const sender = createSender(world.chain.client, richKeys.transactor)
  await sender.send({ to: contracts.registry, abi: registryAbi, name: 'openChannel', args: [alice, accountant] })
  let epoch = 0n
  let last: ReturnType<Pair['last']> | undefined

  async function credit(amount: bigint): Promise<string> {
    epoch += 1n
    const hashlock = hashlockOf(crypto, preimageOf(epoch))
    const agreement = { id: toHex(new Uint8Array(32).fill(1)), provider: bob, total: amount }
    const promise: PaymentPromise = { amount, hashlock, agreement, ticks: noTicks }
    const signature = crypto.sign(hashPromise(crypto, { chainId, channel }, promise), aliceKey)
    const content = {
      provider: bob,
      epoch,
      hashlock,
      previousAmount: last?.answer.promise.amount ?? 0n,
      ...(last === undefined ? {} : { lastPreimage: preimageOf(epoch - 1n) }),
      items: [{ consumer: alice, promise, signature }],
    }
    const domain = { chainId, verifyingContract: accountant }
    const batch = signContent(crypto, domain, batchContent, content, bobKey)
    const reply = await postBatch(world.accountantUrl, batch)
    if (reply.kind === 'refused') throw new Error(reply.code)
    const answer = decodeMessage(batchAnswerSchema, reply.answer.content, maxBatchBytes)
    if (!answer.ok) throw new Error(answer.refusal.code)
    last = { answer: answer.value, signed: reply.answer, batch }
    return answer.value.verdicts[0]?.code ?? 'accepted'
  }

  return {
    aliceKey,
    bobKey,
    alice,
    bob,
    channel,
    credit,
    preimageOf,
    last() {
      if (last === undefined) throw new Error('nothing was exchanged yet')
      return last
    },
  }
}
