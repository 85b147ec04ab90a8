/**
 * All money home, with the commands of docs/operating/node.md in their order: a node as a program, a real accountant, a
 * transactor, and a chain whose delays are days.
 */

import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Accountant } from '@myst/accountant'
import { createAccountantClient, deriveKeys, openExchangeDesk, systemClock } from '@myst/billing'
import { createSender } from '@myst/chain'
import { accountantAbi, mystTokenAbi, registryAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee, richKeys } from '@myst/devnet'
import { createIdentity, unlockIdentity } from '@myst/node'
import {
  type Address,
  channelAddress,
  formatNetworkProfile,
  hashPromise,
  hashTypedData,
  myst,
  noTicks,
  type Registration,
  registrationStruct,
  toHex,
  zeroAddress,
} from '@myst/protocol'
import { openSqliteStore, writeKeyFile } from '@myst/store'
import { defaultNetworkOptions, defaultTransactorOptions, startTransactor, type Transactor } from '@myst/transactor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestChain, type TestChain } from './chain.fixture.ts'
import { createPrograms, runShown, type Started } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.62.11'
const nodePath = fileURLToPath(new URL('../packages/node/src/main.ts', import.meta.url))
const page = readFileSync(new URL('../docs/operating/node.md', import.meta.url), 'utf8')
const soon = { timeout: 20_000, interval: 100 }
/** Of the page. */
const home = '0x00000000000000000000000000000000000000a1'
const secret = 'correct horse battery'
let world: TestChain
let carol: Accountant
let transactor: Transactor
let rpcGate: Server
let bobKey: Uint8Array
let bob: Address
let channel: Address
let node: Started | undefined
/** Of the chain's clock and the transactor's. */
let aheadMs = 0
const programs = createPrograms(() => world.dir)
const at = (name: string) => join(world.dir, name)

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  const transactorUrl = `http://${host}:4070`
  // Bob's node asks the chain here; what the others ask is not in his way.
  const profile = { ...world.profile, transactorUrls: [transactorUrl] }
  const common = { host, log: () => {} }
  carol = await world.startAccountant({ profile })
  transactor = await startTransactor({
    ...defaultTransactorOptions,
    ...common,
    networks: [
      {
        ...defaultNetworkOptions,
        profile,
        key: richKeys.transactor,
        mystPerNative: 100n * myst,
        storePath: at('transactor.db'),
        pollingMs: 20,
        lookEveryMs: 200,
      },
    ],
    port: 4070,
    now: () => Date.now() + aheadMs,
  })
  await mkdir(at('data'), { recursive: true, mode: 0o700 })
  await writeKeyFile(at('pass'), secret)
  await writeKeyFile(at('network.json'), formatNetworkProfile({ ...profile, rpcUrls: [`http://${host}:8546`] }))
  bob = await createIdentity(crypto, at('data'), secret)
  bobKey = (await unlockIdentity(crypto, at('data'), secret)).privateKey
  channel = channelAddress(crypto, world.network.contracts, bob, world.network.accountant)
  await world.network.faucet(channel, 2n * myst + registrationFee)
  const sender = createSender(world.chain.client, richKeys.deployer)
  const { registry, token } = world.network.contracts
  const registration: Registration = {
    identity: bob,
    accountant: world.network.accountant,
    beneficiary: zeroAddress,
    transactor: zeroAddress,
    fee: 0n,
    nonce: 1n,
    deadline: 2n ** 40n,
  }
  const domain = { chainId: world.profile.chainId, verifyingContract: registry }
  const signature = crypto.sign(hashTypedData(crypto, domain, registrationStruct, registration), bobKey)
  const args = [registration, toHex(signature)] as const
  await sender.send({ to: registry, abi: registryAbi, name: 'registerIdentity', args })
  await world.network.faucet(sender.address, myst)
  await sender.send({ to: token, abi: mystTokenAbi, name: 'approve', args: [world.network.accountant, myst] })
  const stake = { to: world.network.accountant, abi: accountantAbi, name: 'increaseStake', args: [bob, myst] } as const
  await sender.send(stake)
}, 60_000)

afterAll(async () => {
  programs.killAll()
  rpcGate?.closeAllConnections()
  rpcGate?.close()
  await transactor?.close()
  await carol?.close()
  await world?.close()
})

/** Alice pays Bob: what his node finds on its disk afterwards is what a day of sessions leaves there. */
async function earn(amount: bigint): Promise<void> {
  const keys = deriveKeys(crypto, bobKey)
  const { accountant } = world.network
  const info = { address: accountant, operator: crypto.addressOf(richKeys.operator), url: world.accountantUrl }
  const domain = { chainId: world.profile.chainId, verifyingContract: accountant }
  const store = openSqliteStore(at('data/node.db'))
  const desk = await openExchangeDesk(
    {
      crypto,
      clock: systemClock,
      store,
      client: createAccountantClient({ crypto, clock: systemClock }, keys, domain, info),
      onOutcomes: () => {},
      feeRate: async () => 500,
      operator: async () => info.operator,
      log: () => {},
    },
    {
      keys,
      chainId: world.profile.chainId,
      contracts: world.network.contracts,
      accountant: info,
      policy: { dueSum: 1n, maxAgeMs: 86_400_000, maxItems: 10 },
      feeLimit: 3000,
      unprovedRefusals: 0n,
    },
  )
  const aliceKey = new Uint8Array(32).fill(0xa1)
  const alice = crypto.addressOf(aliceKey)
  const place = {
    chainId: world.profile.chainId,
    channel: channelAddress(crypto, world.network.contracts, alice, accountant),
  }
  await world.network.faucet(place.channel, 2n * amount + 2n * myst)
  const agreement = { id: toHex(new Uint8Array(32).fill(1)), provider: bob, total: amount }
  const promise = { amount, hashlock: desk.hashlock, agreement, ticks: noTicks }
  const signature = crypto.sign(hashPromise(crypto, place, promise), aliceKey)
  desk.add(`${alice}/1`, { consumer: alice, promise, signature }, false)
  await desk.flush()
  expect(desk.standing).toMatchObject({ uncredited: 0n, credited: amount - amount / 20n })
  await desk.close()
  store.close()
}

/** At first with the command, which writes its configuration; then the program itself, to be killed as it is. */
async function startNode(): Promise<void> {
  const first = ['node', '--network', 'network.json', '--passphrase-file', 'pass']
  node = node === undefined ? programs.startMyst(first) : programs.start(nodePath, [at('data/node.json')])
  await expect.poll(() => node?.said(), { timeout: 30_000, interval: 50 }).toMatch(/The node runs|"ready":true/)
}

const myst_ = async (...args: string[]) => JSON.parse((await programs.runMyst(...args, '--json')).stdout)

/** The chain comes into the node's sight. */
async function openGate(): Promise<void> {
  rpcGate = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const real = await fetch(world.chain.rpcUrl, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    response.setHeader('content-type', 'application/json').end(Buffer.from(await real.arrayBuffer()))
  })
  await new Promise<void>((resolve) => rpcGate.listen(8546, host, resolve))
}

const balanceOf = (of: Address): Promise<bigint> =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [of],
  })
const rpc = (method: string, ...params: unknown[]) => world.chain.client.rpc.request({ method, params } as never)

test('F15: a node starts while its chain is away, says so, and recovers when it is back', async () => {
  await startNode()
  const away = await myst_('status')
  expect(away.alarms).toMatchObject([{ code: 'chain-unreachable', what: expect.stringContaining('8546') }])
  expect(away.consumer.balance).toBe('0')
  expect((await programs.runMyst('status')).stdout).toContain('does not answer')
  await openGate()
  await expect.poll(async () => (await myst_('status')).alarms, soon).toEqual([])
  expect((await myst_('status')).consumer).toMatchObject({ balance: String(2n * myst), inFlight: '0' })
}, 60_000)

test('a deposit shows in the stream of events within two seconds of its block', async () => {
  const watching = programs.startMyst(['status', '--watch', '--json'])
  await expect.poll(watching.said, soon).toContain('"balance"')
  const seenMs = async () => {
    const before = performance.now()
    await expect.poll(watching.said, { ...soon, interval: 20 }).toContain(`"balance":"${3n * myst}"`)
    return performance.now() - before
  }
  await world.network.faucet(channel, myst)
  expect(await seenMs()).toBeLessThan(2_000)
  watching.child.kill('SIGINT')
  await watching.ended
}, 60_000)

test('the commands of docs/operating/node.md, in their order; the stake waits for its delay, over a crash', async () => {
  node?.child.kill('SIGTERM')
  await node?.ended
  await earn(3n * myst)
  await startNode()
  const credited = 3n * myst - (3n * myst) / 20n
  await expect
    .poll(async () => (await myst_('earnings')).accountants, soon)
    .toMatchObject([{ unsettled: String(credited), guaranteed: String(myst), stake: String(myst), settled: '0' }])

  const look = await myst_('settle', '--dry-run')
  expect(look).toMatchObject({ sent: false, settlements: [{ due: String(credited), to: bob }] })
  const [{ fee, arrives }] = look.settlements
  expect(BigInt(fee) + BigInt(arrives)).toBe(credited)
  expect(await balanceOf(bob)).toBe(0n)

  await runShown(page, programs, 9)
  const { settlements } = await myst_('settlements')
  expect(settlements).toMatchObject([{ paid: String(credited), to: bob, isConfirmed: true, kind: 'settlement' }])
  const kept = await balanceOf(bob)
  expect(kept).toBeGreaterThanOrEqual(BigInt(arrives))
  // 0.5 of the channel went to Bob himself, the rest where he said; each less its fee.
  await expect.poll(() => balanceOf(channel), soon).toBe(0n)
  const sent = await balanceOf(home)
  expect(sent).toBeGreaterThan(2n * myst)
  expect(sent).toBeLessThan((5n * myst) / 2n)

  await expect
    .poll(async () => (await myst_('leave', '--status')).errands.map(stateOf), soon)
    .toEqual(['earnings done', 'channel done', 'stake waiting'])
  const { errands, isOver } = await myst_('leave')
  expect([isOver, errands[2].dueAtMs > Date.now() + 3 * 86_400_000]).toEqual([false, true])
  expect((await programs.runMyst('serve', '--country', 'NL')).stderr).toContain('leaving')
  expect(await myst_('payout')).toMatchObject({ every: 'week', least: String(myst), isWished: false })

  node?.child.kill('SIGKILL')
  await node?.ended
  await startNode()
  aheadMs = (4 * 86_400 + 60) * 1000
  await rpc('evm_increaseTime', aheadMs / 1000)
  await rpc('evm_mine')
  // The transactor has the fee of it, and sends it; what it brought lies with the identity, who has no gas.
  await expect
    .poll(async () => (await myst_('leave', '--status')).errands.map(stateOf), { ...soon, timeout: 40_000 })
    .toEqual(['earnings done', 'channel done', 'stake done', 'wallet stuck'])
  const own = await balanceOf(bob)
  expect(own).toBeGreaterThan(kept)
  await rpc('anvil_setBalance', bob, '0xde0b6b3a7640000')
  const end = await programs.runMyst('leave', '--to', home, '--yes')
  expect([end.exitCode, end.stdout]).toEqual([0, expect.stringContaining('All money is home')])
  expect([await balanceOf(bob), await balanceOf(home)]).toEqual([0n, sent + own])
  expect(await myst_('leave')).toMatchObject({ isOver: true })
}, 150_000)

const stateOf = ({ kind, state }: { kind: string; state: string }) => `${kind} ${state}`
