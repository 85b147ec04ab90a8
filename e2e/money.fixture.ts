/**
 * A chain, the accountant as a program, and pairs of people who use it: what tests of its money keeping need.
 *
 * @module
 */

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSender, readChannel } from '@myst/chain'
import { accountantAbi, consumerChannelAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { richKeys } from '@myst/devnet'
import {
  type AccountantPromise,
  type Address,
  batchAnswerContent,
  batchContent,
  type Crypto,
  channelAddress,
  decodeMessage,
  derivePreimage,
  type ExitRequest,
  encodeMessage,
  exitRequestStruct,
  hashlockOf,
  hashPromise,
  hashTypedData,
  maxBatchBytes,
  noTicks,
  type PayoutOrder,
  payoutOrderSchema,
  preimageSecret,
  revealSchema,
  type SettleWish,
  settleWishStruct,
  signContent,
  signRequest,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import { createWalletClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect } from 'vitest'
import { openTestChain, postBatch, type TestChain } from './chain.fixture.ts'
import { createPrograms, type Started } from './program.fixture.ts'

const programPath = fileURLToPath(new URL('../packages/accountant/src/main.ts', import.meta.url))
export const gwei = 10n ** 9n
export const exitDelayS = 4 * 86_400
const port = 4060

/** Alice pays Bob, who has not shown what his newest promise needs. */
export interface Pair {
  readonly aliceKey: Uint8Array
  readonly bobKey: Uint8Array
  readonly bob: Address
  readonly channel: Address
  /** Gross, all that Alice promised. */
  promised: bigint
  epoch: bigint
  newest: (AccountantPromise & { readonly signature: Uint8Array }) | undefined
}

export type MoneyWorld = Awaited<ReturnType<typeof openMoneyWorld>>

export async function openMoneyWorld(crypto: Crypto, host: string) {
  const world: TestChain = await openTestChain(crypto, host)
  const { client } = world.chain
  const { contracts, accountant } = world.network
  const domain = { chainId: client.chainId, verifyingContract: accountant }
  const programs = createPrograms(() => world.dir)
  const url = (at = port) => `http://${host}:${at}`
  let people = 1
  let nonce = 1n

  /** Of a process on `at`; its data are kept between starts. */
  async function start(more: object = {}, at = port): Promise<Started> {
    const often = { collectEveryMs: 200, watchEveryMs: 200, collectFrom: '1', openCost: '0', fundsReserve: '0' }
    const config = { dataDir: join(world.dir, `data-${at}`), port: at, ...often, ...more }
    return programs.start(programPath, [await world.writeConfig(config, `${at}.json`)])
  }

  async function startUp(more: object = {}, at = port): Promise<Started> {
    const started = await start(more, at)
    // Forty seconds: beside other work a start takes long.
    for (let looks = 0; looks < 800 && started.child.exitCode === null; looks++) {
      if (started.said().includes('"ready":true')) return started
      await wait(50)
    }
    started.child.kill('SIGKILL')
    throw new Error(`it did not start: ${(await started.ended).stderr}`)
  }

  const node = (method: string, ...params: unknown[]) => client.rpc.request({ method, params } as never)

  /** With money on her channel, opened, and gas in his wallet. */
  async function newPair(paidIn: bigint): Promise<Pair> {
    const [aliceKey, bobKey] = [0xa1, 0xb0].map((kind) => crypto.keccak256(Uint8Array.of(kind, people))) as [
      Uint8Array,
      Uint8Array,
    ]
    people += 1
    const [alice, bob] = [crypto.addressOf(aliceKey), crypto.addressOf(bobKey)]
    const channel = channelAddress(crypto, contracts, alice, accountant)
    await world.network.faucet(channel, paidIn)
    const opener = createSender(client, richKeys.transactor)
    await opener.send({ to: contracts.registry, abi: registryAbi, name: 'openChannel', args: [alice, accountant] })
    await node('anvil_setBalance', bob, '0xde0b6b3a7640000')
    return { aliceKey, bobKey, bob, channel, promised: 0n, epoch: 0n, newest: undefined }
  }

  const preimageOf = ({ bobKey }: Pair, epoch: bigint) =>
    derivePreimage(preimageSecret(bobKey), { chainId: client.chainId, accountant }, epoch)

  /** Alice promises so much more, and the accountant takes it over; the epoch before is revealed with it. */
  async function credit(pair: Pair, more: bigint): Promise<void> {
    const epoch = pair.epoch + 1n
    const amount = pair.promised + more
    const hashlock = hashlockOf(crypto, preimageOf(pair, epoch))
    const agreement = { id: toHex(new Uint8Array(32).fill(1)), provider: pair.bob, total: amount }
    const promise = { amount, hashlock, agreement, ticks: noTicks }
    const at = { chainId: client.chainId, channel: pair.channel }
    const signature = crypto.sign(hashPromise(crypto, at, promise), pair.aliceKey)
    const batch = {
      provider: pair.bob,
      epoch,
      hashlock,
      previousAmount: pair.newest?.amount ?? 0n,
      items: [{ consumer: crypto.addressOf(pair.aliceKey), promise, signature }],
      takesBounty: true,
      ...(pair.epoch === 0n ? {} : { lastPreimage: preimageOf(pair, pair.epoch) }),
    }
    const reply = await postBatch(url(), signContent(crypto, domain, batchContent, batch, pair.bobKey))
    if (reply.kind !== 'answered') throw new Error(JSON.stringify(reply))
    const answer = decodeMessage(batchAnswerContent.schema, reply.answer.content, maxBatchBytes)
    if (!answer.ok) throw new Error(answer.refusal.code)
    expect(answer.value.verdicts.map(({ code }) => code)).toEqual([undefined])
    pair.promised = amount
    pair.epoch = epoch
    pair.newest = answer.value.promise
  }

  async function ask(pair: Pair, method: string, path: string, body: Uint8Array = new Uint8Array()) {
    const own = { identity: pair.bob, privateKey: pair.bobKey, nowMs: Date.now() }
    const authorization = signRequest(crypto, domain, { method, path, body }, own)
    const response = await fetch(url() + path, {
      method,
      headers: { authorization, ...(body.length === 0 ? {} : { 'content-type': 'application/cbor' }) },
      ...(body.length === 0 ? {} : { body: Buffer.from(body) }),
    })
    return { http: response.status, body: new Uint8Array(await response.arrayBuffer()) }
  }

  async function reveal(pair: Pair): Promise<void> {
    const preimage = preimageOf(pair, pair.epoch)
    const { http } = await ask(pair, 'POST', '/v1/reveal', encodeMessage(revealSchema, { preimage }))
    expect(http).toBe(200)
  }

  /** Signed by Bob: he may be paid unasked. */
  function wishOf({ bob, bobKey }: Pair) {
    const asks = { anyone: false, nonce: nonce++, deadline: 2n ** 40n }
    const wish: SettleWish = { ...asks, provider: bob, payouts: true }
    return { ...asks, signature: crypto.sign(hashTypedData(crypto, domain, settleWishStruct, wish), bobKey) }
  }

  return {
    world,
    programs,
    url,
    start,
    startUp,
    node,
    newPair,
    credit,
    reveal,
    ask,
    wishOf,
    orderPayout: (pair: Pair, order: PayoutOrder) =>
      ask(pair, 'PUT', '/v1/providers/me/payout', encodeMessage(payoutOrderSchema, order)),
    /** He sends the wish of payouts to the contract himself. */
    layWish(pair: Pair) {
      const { signature, ...asks } = wishOf(pair)
      const args = [{ ...asks, provider: pair.bob, payouts: true }, toHex(signature)] as const
      return createSender(client, pair.bobKey).send({
        to: accountant,
        abi: accountantAbi,
        name: 'changeSettleWish',
        args,
      })
    },
    /**
     * Bob does it himself, with all that he was promised.
     *
     * @param place in its block, before or behind what others offer; absent: whatever it is.
     */
    async settle(pair: Pair, place?: 'first' | 'last'): Promise<void> {
      const { amount = 0n, signature = new Uint8Array() } = pair.newest ?? {}
      const args = [pair.bob, amount, toHex(preimageOf(pair, pair.epoch)), toHex(signature)] as const
      if (place === undefined) {
        await createSender(client, pair.bobKey).send({ to: accountant, abi: accountantAbi, name: 'settle', args })
        return
      }
      const account = privateKeyToAccount(toHex(pair.bobKey))
      const wallet = createWalletClient({ account, transport: http(world.chain.rpcUrl) })
      const { baseFeePerGas } = await client.rpc.getBlock()
      const most = place === 'first' ? 100n * gwei : (baseFeePerGas ?? 0n) * 2n + 1n
      const fees = { gas: 300_000n, maxFeePerGas: most, maxPriorityFeePerGas: place === 'first' ? most : 1n }
      const call = { address: accountant, abi: accountantAbi, functionName: 'settle', args, chain: null } as const
      const hash = await wallet.writeContract({ ...call, ...fees })
      const { status } = await client.rpc.waitForTransactionReceipt({ hash })
      if (status !== 'success') throw new Error('reverted')
    },
    async stake(pair: Pair, amount: bigint) {
      const bank = createSender(client, richKeys.deployer)
      await world.network.faucet(bank.address, amount)
      await bank.send({ to: contracts.token, abi: mystTokenAbi, name: 'approve', args: [accountant, amount] })
      await bank.send({ to: accountant, abi: accountantAbi, name: 'increaseStake', args: [pair.bob, amount] })
    },
    async requestExit(pair: Pair) {
      const beneficiary = crypto.addressOf(pair.aliceKey)
      const asks = { beneficiary, transactor: zeroAddress, fee: 0n, nonce: nonce++, deadline: 2n ** 40n }
      const request: ExitRequest = asks
      const at = { chainId: client.chainId, verifyingContract: pair.channel }
      const signature = toHex(crypto.sign(hashTypedData(crypto, at, exitRequestStruct, request), pair.aliceKey))
      const sender = createSender(client, richKeys.transactor)
      return sender.send({ to: pair.channel, abi: consumerChannelAbi, name: 'requestExit', args: [request, signature] })
    },
    async channelOf(pair: Pair) {
      const place = { ...contracts, identity: zeroAddress, channel: pair.channel, depth: 1, deployedAtBlock: 0n }
      return (await readChannel(client, place)).head
    },
    async passTime(seconds: number) {
      await node('evm_increaseTime', seconds)
      await node('evm_mine')
    },
    punishedSince: () =>
      client.rpc.readContract({ address: accountant, abi: accountantAbi, functionName: 'punishedSince' }),
    providerOf: (pair: Pair) =>
      client.rpc.readContract({
        address: accountant,
        abi: accountantAbi,
        functionName: 'providerOf',
        args: [pair.bob],
      }),
    balanceOf: (of: Address) =>
      client.rpc.readContract({ address: contracts.token, abi: mystTokenAbi, functionName: 'balanceOf', args: [of] }),
    status: async () => (await fetch(`${url()}/v1/status`)).json() as Promise<unknown>,
    async solvency(at = port) {
      const response = await fetch(`${url(at)}/v1/solvency`)
      return response.json() as Promise<SolvencyJson>
    },
    /** Nothing is mined any more but by `evm_mine`. */
    async handMining() {
      await node('evm_setAutomine', false)
      await node('evm_setIntervalMining', 0)
    },
    async mixedMining() {
      await node('evm_setAutomine', true)
      await node('evm_setIntervalMining', 1)
    },
    /** Hashes of the operator's transactions in the pool. */
    async pooled(of: Address = crypto.addressOf(richKeys.operator)): Promise<string[]> {
      const content = (await node('txpool_content')) as Record<string, Record<string, Record<string, { hash: string }>>>
      return Object.entries(content.pending ?? {}).flatMap(([from, byNonce]) =>
        from.toLowerCase() === of ? Object.values(byNonce).map(({ hash }) => hash) : [],
      )
    },
    async close() {
      programs.killAll()
      await world.close()
    },
  }
}

export interface SolvencyJson {
  readonly code?: string
  readonly solvent: boolean
  readonly block: { readonly number: string; readonly hash: string }
  readonly providers: Readonly<Record<'promised' | 'settled' | 'unsettled' | 'guaranteed' | 'bounties', string>>
  readonly cover: Readonly<Record<'freeFunds' | 'guarantees' | 'collectable' | 'covered' | 'open', string>>
  readonly channels: Readonly<Record<'credited' | 'collected' | 'open' | 'collectable', string>>
  readonly contract: Readonly<Record<'balance' | 'missing' | 'spare', string>>
  readonly alarms: readonly {
    readonly code: string
    readonly message: string
    readonly send?: { readonly amount: string; readonly coin: string }
  }[]
}
