/**
 * Settling by itself, on a real chain with the real contracts: for each reason, once, over crashes, reorganisations and
 * transactors that are away; and what one accountant refuses holds up no other.
 */

import { deriveKeys, systemClock } from '@myst/billing'
import { createSender, typedCall } from '@myst/chain'
import { accountantAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee, richKeys } from '@myst/devnet'
import { changeBeneficiary, createOwnWallet, readBeneficiary } from '@myst/node'
import { createTransactorClient } from '@myst/node/payment-shells'
import {
  type Address,
  channelAddress,
  Fault,
  hashTypedData,
  myst,
  type Registration,
  registrationStruct,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import { defaultNetworkOptions, defaultTransactorOptions, startTransactor, type Transactor } from '@myst/transactor'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Earner, openSettlingWorld, policy, type SettlingWorld } from './settling.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.62.1'
const soon = { timeout: 20_000, interval: 50 }
let here: SettlingWorld
let carol: Address
let transactor: Transactor | undefined

beforeAll(async () => {
  here = await openSettlingWorld(crypto, host)
  carol = here.world.network.accountant
}, 30_000)
afterAll(() => here?.close())
afterEach(async () => {
  await here.resumeMining()
  await transactor?.close()
  transactor = undefined
})

async function earner(gas = true): Promise<Earner> {
  const bob = here.newEarner()
  if (gas) await here.giveGas(bob.identity)
  return bob
}

async function openTransactor(...more: readonly Address[]): Promise<string> {
  const { profile } = here.world
  const accountants = [
    ...profile.accountants,
    ...more.map((address) => ({ address, operator: address, url: 'http://x' })),
  ]
  transactor = await startTransactor({
    ...defaultTransactorOptions,
    networks: [
      {
        ...defaultNetworkOptions,
        profile: { ...profile, accountants },
        key: richKeys.transactor,
        mystPerNative: 100n * myst,
        storePath: `${here.world.dir}/transactor.db`,
        pollingMs: 20,
        retryMs: 50,
        answerWithinMs: 500,
      },
    ],
    host,
    port: 4070,
    log: () => {},
  })
  return transactor.url
}

const settled = async (bob: Earner, accountant = carol) => (await here.providerOf(bob, accountant)).settled
const at = (accountant: Address, bob: Earner) => bob.settler.earnings().find((one) => one.accountant === accountant)

test('settles by itself from an amount on, and shows it as pending until it is deep', async () => {
  const bob = await earner()
  bob.promise(carol, 2n * myst - 1n)
  bob.start({ profile: { ...here.world.profile, confirmationDepth: 4 } })
  await expect.poll(() => at(carol, bob)?.settled, soon).toBe(0n)
  await here.holdMining()
  bob.promise(carol, 2n * myst)
  const pooled = () => here.client.rpc.getTransactionCount({ address: bob.identity, blockTag: 'pending' })
  await expect.poll(pooled, soon).toBe(1)
  expect(at(carol, bob)?.settling).toBe(2n * myst)
  await here.mine(1)
  await expect
    .poll(() => bob.settler.payments(), soon)
    .toMatchObject([
      { kind: 'settlement', paid: 2n * myst, fee: 0n, isConfirmed: false, to: bob.identity, accountant: carol },
    ])
  expect(at(carol, bob)).toMatchObject({ unsettled: 0n, settling: 2n * myst })
  await here.mine(2)
  await bob.settler.look(0)
  expect(bob.settler.payments()).toMatchObject([{ isConfirmed: false }])
  await here.mine(1)
  await expect.poll(() => at(carol, bob)?.settling, soon).toBe(0n)
  expect(bob.settler.payments()).toMatchObject([{ isConfirmed: true }])
  expect(await here.balanceOf(bob.identity)).toBe(2n * myst)

  // What was paid is known after a restart, before the chain is asked.
  await bob.stop()
  bob.start({ automatic: false })
  expect(bob.settler.earnings()).toHaveLength(1)
  expect(bob.settler.payments()).toMatchObject([{ paid: 2n * myst, isConfirmed: true }])
})

test('what was sent before a crash is found again, and not sent twice', async () => {
  const bob = await earner()
  bob.promise(carol, 3n * myst)
  await here.holdMining()
  bob.start()
  const pooled = () => here.client.rpc.getTransactionCount({ address: bob.identity, blockTag: 'pending' })
  await expect.poll(pooled, soon).toBe(1)
  await bob.stop()
  const { transactor: own } = createOwnWallet(crypto, here.client, here.world.profile.contracts, bob.key)
  let isAsked = false
  const carry: typeof own.carry = (request) => {
    isAsked = true
    return own.carry(request)
  }
  bob.start({}, { transactors: [{ ...own, carry }] })
  await expect.poll(() => isAsked, soon).toBe(true)
  // Nothing may come of it, so there is nothing to wait for.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(await pooled()).toBe(1)
  await here.resumeMining()
  await expect.poll(() => bob.settler.payments()[0]?.isConfirmed, soon).toBe(true)
  expect([await here.sentBy(bob.identity), await settled(bob)]).toEqual([1, 3n * myst])
  await bob.stop()

  // Killed after it was mined and before anybody saw it: the chain says so.
  bob.promise(carol, 6n * myst)
  bob.start({}, { onChange: () => {} })
  await expect.poll(() => settled(bob), soon).toBe(6n * myst)
  await bob.stop()
  bob.start()
  await expect.poll(() => bob.settler.payments().length, soon).toBe(2)
  expect(await here.sentBy(bob.identity)).toBe(2)
})

test('a wallet waits for what a process before it has sent, and sends nothing beside it', async () => {
  const bob = await earner()
  const erin = `0x${'e1'.repeat(20)}` as const
  const { contracts } = here.world.profile
  await here.world.network.faucet(bob.identity, 10n)
  // It could be sent twice: no contract would refuse the second.
  const call = typedCall({ to: contracts.token, abi: mystTokenAbi, name: 'transfer', args: [erin, 5n] })
  const walletOn = (client: typeof here.client) => createOwnWallet(crypto, client, contracts, bob.key)
  await here.holdMining()
  const first = walletOn(here.client).send(call)
  const pooled = () => here.client.rpc.getTransactionCount({ address: bob.identity, blockTag: 'pending' })
  await expect.poll(pooled, soon).toBe(1)
  let looks = 0
  const { rpc } = here.client
  const getTransactionCount: typeof rpc.getTransactionCount = (asked) => {
    looks += 1
    return rpc.getTransactionCount(asked)
  }
  const second = walletOn({ ...here.client, rpc: { ...rpc, getTransactionCount } }).send(call)
  // Two of them are one look; it has looked, and looks again.
  await expect.poll(() => looks, soon).toBeGreaterThanOrEqual(4)
  expect(await pooled()).toBe(1)
  await here.resumeMining()
  await Promise.all([first, second])
  expect([await here.sentBy(bob.identity), await here.balanceOf(erin)]).toEqual([2, 10n])
})

test('a transactor that was given it before a crash has one request, with one effect', async () => {
  const bob = await earner(false)
  const url = await openTransactor()
  const transactors = [createTransactorClient(url)]
  bob.promise(carol, 3n * myst)
  await here.holdMining()
  const before = await here.sentBy(crypto.addressOf(richKeys.transactor))
  bob.start({}, { transactors })
  await expect.poll(() => at(carol, bob)?.settling, soon).toBe(3n * myst)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await bob.stop()
  bob.start({}, { transactors })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await here.resumeMining()
  await expect.poll(() => bob.settler.payments()[0]?.isConfirmed, soon).toBe(true)
  await expect.poll(() => at(carol, bob)?.settling, soon).toBe(0n)
  const [payment] = bob.settler.payments()
  expect(payment?.fee).toBeGreaterThan(0n)
  expect(await here.balanceOf(bob.identity)).toBe(3n * myst - (payment?.fee ?? 0n))
  expect(await here.sentBy(crypto.addressOf(richKeys.transactor))).toBe(before + 1)
})

test('the next transactor is asked where one is away or refuses, and the wallet last', async () => {
  const bob = await earner()
  const away = createTransactorClient(`http://${host}:4079`)
  const url = await openTransactor()
  const real = createTransactorClient(url)
  // Quotes as the real one does, and then is gone: the order in its name is good for nobody else.
  const flees = {
    ...real,
    name: 'flees',
    carry: () => Promise.reject(new Fault('transactor-unreachable', { url: 'x' })),
  }
  bob.promise(carol, 3n * myst)
  bob.start({}, { transactors: [away, flees, real] })
  await expect.poll(() => bob.settler.payments()[0]?.fee, soon).toBeGreaterThan(0n)
  expect(bob.said.filter((line) => line.includes('asking the next'))).toHaveLength(2)
  await expect.poll(() => at(carol, bob)?.settling, soon).toBe(0n)
  await bob.stop()

  bob.promise(carol, 6n * myst)
  bob.start({}, { transactors: [away] })
  await expect.poll(() => at(carol, bob)?.problem?.code, soon).toBe('transactor-unreachable')
  expect(await settled(bob)).toBe(3n * myst)
  await bob.stop()
  bob.start()
  await expect.poll(() => settled(bob), soon).toBe(6n * myst)
  expect(await here.sentBy(bob.identity)).toBe(1)
})

test('what one accountant refuses holds up no other; what it can pay is taken, and the rest once it is there', async () => {
  const bob = await earner()
  const poor = await here.newAccountant(myst)
  const gone = await here.newAccountant(0n)
  for (const accountant of [gone, poor, carol]) bob.promise(accountant, 4n * myst)
  bob.start()
  await expect.poll(() => settled(bob), soon).toBe(4n * myst)
  await expect.poll(() => settled(bob, poor), soon).toBe(myst)
  await expect.poll(() => at(gone, bob)?.problem?.facts.code, soon).toBe('NothingToPay')
  expect(await settled(bob, gone)).toBe(0n)
  await expect.poll(() => at(poor, bob)?.unsettled, soon).toBe(3n * myst)
  for (const accountant of [gone, poor]) await here.world.network.faucet(accountant, 10n * myst)
  await expect
    .poll(() => Promise.all([gone, poor].map((one) => settled(bob, one))), soon)
    .toEqual([4n * myst, 4n * myst])
  expect(await here.balanceOf(bob.identity)).toBe(12n * myst)
  await expect.poll(() => bob.settler.payments().length, soon).toBe(4)
})

test('what a reorganisation takes back is not shown, and is settled again', async () => {
  const bob = await earner()
  bob.start({ profile: { ...here.world.profile, confirmationDepth: 6 } })
  await here.holdMining()
  const before = await here.rpc('evm_snapshot')
  bob.promise(carol, 3n * myst)
  const pooled = () => here.client.rpc.getTransactionCount({ address: bob.identity, blockTag: 'pending' })
  await expect.poll(pooled, soon).toBe(1)
  await here.mine(2)
  await expect.poll(() => bob.settler.payments().length, soon).toBe(1)
  await here.rpc('evm_revert', before)
  await here.mine(1)
  await expect.poll(() => bob.settler.payments().length, soon).toBe(0)
  expect(at(carol, bob)).toMatchObject({ unsettled: 3n * myst, settling: 3n * myst })
  await expect.poll(pooled, soon).toBe(1)
  await here.mine(7)
  await expect.poll(() => bob.settler.payments()[0]?.isConfirmed, soon).toBe(true)
  expect([await settled(bob), await here.sentBy(bob.identity)]).toEqual([3n * myst, 1])
})

test('an accountant at risk, and earnings of a week, are reasons too; a dear transactor is none', async () => {
  const bob = await earner()
  let aheadMs = 0
  const clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + aheadMs,
    elapsedMs: () => systemClock.elapsedMs() + aheadMs,
  }
  bob.promise(carol, myst)
  bob.start({}, { clock })
  await expect.poll(() => at(carol, bob)?.settled, soon).toBe(0n)
  aheadMs += policy.maxAgeMs + 60_000
  await expect.poll(() => settled(bob), soon).toBe(myst)
  await expect.poll(() => at(carol, bob)?.settling, soon).toBe(0n)

  // A tenth of it is more than a twentieth.
  await bob.stop()
  bob.promise(carol, 2n * myst)
  const url = await openTransactor()
  const real = createTransactorClient(url)
  const dear = { ...real, quote: async () => ({ ...(await real.quote('settle')), fee: myst / 10n }) }
  bob.start({ policy: { ...policy, whenCheap: 1n } }, { clock, transactors: [dear] })
  await expect.poll(() => at(carol, bob)?.problem?.code, soon).toBe('settlement-dear')
  await bob.stop()

  const other = await here.newAccountant(10n * myst)
  const call = { to: other, abi: accountantAbi } as const
  await createSender(here.client, richKeys.deployer).send({ ...call, name: 'announceRotation', args: [bob.identity] })
  bob.promise(other, myst / 2n)
  bob.start({}, { clock })
  await expect.poll(() => settled(bob, other), soon).toBe(myst / 2n)
  expect(await settled(bob)).toBe(myst)
})

test('says beforehand what arrives, and where; settles into the stake, or to whom one names', async () => {
  const bob = await earner()
  const rich = await here.newAccountant(20n * myst)
  const url = await openTransactor(rich)
  const dave = `0x${'da'.repeat(20)}` as const
  bob.promise(rich, 3n * myst)
  bob.start({ automatic: false }, { transactors: [createTransactorClient(url)] })
  const [look] = await bob.settler.preview({ beneficiary: dave })
  expect(look).toMatchObject({ accountant: rich, due: 3n * myst, to: dave, transactor: url, refusal: undefined })
  expect(await settled(bob, rich)).toBe(0n)
  const { settled: [done] = [] } = await bob.settler.settle({ beneficiary: dave })
  expect(done).toMatchObject({ paid: 3n * myst, fee: look?.fee, hash: expect.any(String) })
  expect(await here.balanceOf(dave)).toBe(look?.arrives)
  await expect(bob.settler.settle({})).rejects.toThrow('nothing-to-settle')

  bob.promise(rich, 5n * myst)
  const [into] = await bob.settler.preview({ into: 'stake' })
  expect(into?.to).toBe(rich)
  await bob.settler.settle({ into: 'stake' })
  expect((await here.providerOf(bob, rich)).stake).toBe(into?.arrives)
  await bob.settler.look(0)
  expect(at(rich, bob)).toMatchObject({ stake: into?.arrives, unsettled: 0n })
  expect(bob.settler.payments().map(({ to }) => to)).toEqual([rich, dave])
})

/** Its own deposit pays for it; who sends it is paid nothing. */
async function register({ identity, key }: Earner): Promise<void> {
  const { contracts, chainId } = here.world.profile
  await here.world.network.faucet(channelAddress(crypto, contracts, identity, carol), registrationFee)
  const registration: Registration = {
    identity,
    accountant: carol,
    beneficiary: zeroAddress,
    transactor: zeroAddress,
    fee: 0n,
    nonce: 1n,
    deadline: 2n ** 40n,
  }
  const domain = { chainId, verifyingContract: contracts.registry }
  const signature = crypto.sign(hashTypedData(crypto, domain, registrationStruct, registration), key)
  const args = [registration, toHex(signature)] as const
  const call = { to: contracts.registry, abi: registryAbi, name: 'registerIdentity', args } as const
  await createSender(here.client, richKeys.deployer).send(call)
}

test('who is paid is changed for good in the registry: the next settlement goes there', async () => {
  const bob = await earner()
  const dave = `0x${'d0'.repeat(20)}` as const
  const { profile } = here.world
  const wallet = createOwnWallet(crypto, here.client, profile.contracts, bob.key)
  const keys = deriveKeys(crypto, bob.key)
  const change = (beneficiary: Address) =>
    changeBeneficiary({ crypto, clock: systemClock, client: here.client, wallet }, profile, keys, beneficiary)
  const registered = () => readBeneficiary(here.client, profile, bob.identity)
  expect(await registered()).toBe(bob.identity)

  const { token, registry } = profile.contracts
  for (const contract of [token, registry, carol]) {
    await expect(change(contract)).rejects.toMatchObject({ code: 'beneficiary-refused', facts: { code: 'a-contract' } })
  }
  await expect(change(dave)).rejects.toMatchObject({ facts: { code: 'NotRegistered' } })
  expect([await registered(), await here.sentBy(bob.identity)]).toEqual([bob.identity, 0])
  await register(bob)

  const { hash } = await change(dave)
  expect((await here.client.rpc.getTransactionReceipt({ hash: hash as `0x${string}` })).status).toBe('success')
  expect(await registered()).toBe(dave)
  expect(await change(dave)).toEqual({ beneficiary: dave })
  expect(await here.sentBy(bob.identity)).toBe(1)

  bob.promise(carol, 3n * myst)
  bob.start()
  await expect.poll(() => bob.settler.payments()[0]?.isConfirmed, soon).toBe(true)
  expect([await here.balanceOf(dave), await here.balanceOf(bob.identity)]).toEqual([3n * myst, 0n])
})
