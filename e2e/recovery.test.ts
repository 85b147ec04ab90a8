/**
 * An accountant is restored from an old backup: the commands of an operator, the real program, a real chain, and providers'
 * real exchange desks. What was answered since comes back from the providers, and on chain everything adds up to the wei.
 */

import { closeSync, copyFileSync, existsSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type AccountantClient,
  createAccountantClient,
  deriveKeys,
  type ExchangeDesk,
  openExchangeDesk,
  systemClock,
} from '@myst/billing'
import { createSender } from '@myst/chain'
import { accountantAbi, testMystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import { type Address, channelAddress, hashPromise, myst, noTicks, type SignedPromise, toHex } from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestChain, type TestChain } from './chain.fixture.ts'
import { createPrograms, type Started } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.46.1'
const programPath = fileURLToPath(new URL('../packages/accountant/src/main.ts', import.meta.url))
const url = `http://${host}:4060`
const dayMs = 86_400_000
const paidIn = 5n * myst
let world: TestChain
const programs = createPrograms(() => world.dir)
const at = (name: string) => join(world.dir, name)

const alice = consumer(0xa1)
const dave = consumer(0xda)
let bob: Provider
let carol: Provider
let running: Started

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  for (const { channel } of [alice, dave]) await world.network.faucet(channel(), paidIn)
  // What stands behind settlements before consumers' money is collected.
  await world.network.faucet(world.network.accountant, 10n * myst)
  await configure(dayMs)
}, 90_000)

afterAll(async () => {
  await bob?.desk.close()
  await carol?.desk.close()
  programs.killAll()
  await world?.close()
})

interface Consumer {
  readonly identity: Address
  readonly channel: () => Address
  spent: bigint
  promise(provider: Provider, id: number, step: bigint): SignedPromise
}

function consumer(byte: number): Consumer {
  const key = new Uint8Array(32).fill(byte)
  const identity = crypto.addressOf(key)
  const totals = new Map<string, bigint>()
  const channel = () => channelAddress(crypto, world.network.contracts, identity, world.network.accountant)
  const self: Consumer = {
    identity,
    channel,
    spent: 0n,
    promise({ identity: provider, desk }, id, step) {
      const name = `${provider}/${id}`
      const total = (totals.get(name) ?? 0n) + step
      totals.set(name, total)
      self.spent += step
      const agreement = { id: toHex(new Uint8Array(32).fill(id)), provider, total }
      const promise = { amount: self.spent, hashlock: desk.hashlock, agreement, ticks: noTicks }
      const place = { chainId: world.profile.chainId, channel: channel() }
      return { consumer: identity, promise, signature: crypto.sign(hashPromise(crypto, place, promise), key) }
    },
  }
  return self
}

interface Provider {
  readonly key: Uint8Array
  readonly identity: Address
  readonly store: RecordStore
  readonly client: AccountantClient
  readonly lines: string[]
  desk: ExchangeDesk
}

async function openProvider(byte: number, store = createMemoryStore()): Promise<Provider> {
  const key = new Uint8Array(32).fill(byte)
  const keys = deriveKeys(crypto, key)
  const { chainId } = world.profile
  const accountant = { address: world.network.accountant, operator: crypto.addressOf(richKeys.operator), url }
  const domain = { chainId, verifyingContract: accountant.address }
  const client = createAccountantClient({ crypto, clock: systemClock }, keys, domain, accountant)
  const lines: string[] = []
  const log = (line: string) => lines.push(line)
  const operator = async () => accountant.operator
  const desk = await openExchangeDesk(
    { crypto, clock: systemClock, store, client, onOutcomes: () => {}, feeRate: async () => 2000, operator, log },
    {
      keys,
      chainId,
      contracts: world.network.contracts,
      accountant,
      policy: { dueSum: 1n, maxAgeMs: 86_400_000, maxItems: 10 },
      feeLimit: 3000,
      unprovedRefusals: 0n,
    },
  )
  return { key, identity: keys.identity, store, client, lines, desk }
}

/** One batch of it: its promise and, with it, whatever else waits. */
async function pay(from: Consumer, to: Provider, id: number, step: bigint): Promise<void> {
  const signed = from.promise(to, id, step)
  to.desk.add(`${from.identity}/${signed.promise.agreement.id}`, signed, false)
  await to.desk.flush()
}

const configure = (recoveryMs: number) =>
  world.writeConfig({ collectEveryMs: 500, collectFrom: '1', mystPerNative: '1', recoveryMs })

async function startAccountant(...args: string[]): Promise<Started> {
  const started = programs.start(programPath, [at('accountant.json'), ...args])
  await expect.poll(() => started.said().includes('"ready":true'), { timeout: 40_000, interval: 50 }).toBe(true)
  return started
}

/** @returns its log. */
async function killAccountant(): Promise<string> {
  running.child.kill('SIGKILL')
  return (await running.ended).stderr
}

async function myst_(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await programs.runMyst(...args)
  expect([exitCode, stderr]).toEqual([0, ''])
  return stdout
}
const withConfig = ['--config', 'accountant.json']

function loseLedger(): void {
  for (const suffix of ['', '-wal', '-newest', '-records', '-records-wal']) {
    rmSync(at(`data/ledger.db${suffix}`), { force: true })
  }
}

const status = async () => (await (await fetch(`${url}/v1/status`)).json()) as Record<string, unknown>
const metric = async (name: string) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${url}/metrics`)).text())?.[1])

async function settle({ key, identity, desk }: Provider): Promise<bigint> {
  const newest = desk.newest()
  if (newest === undefined) throw new Error('nothing was promised')
  const { client } = world.chain
  await client.rpc.request({ method: 'anvil_setBalance', params: [identity, '0xde0b6b3a7640000'] } as never)
  const { amount, signature } = newest.promise
  const args = [identity, amount, toHex(newest.preimage), toHex(signature)] as const
  await createSender(client, key).send({ to: world.network.accountant, abi: accountantAbi, name: 'settle', args })
  return amount
}

const balanceOf = (of: Address) =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: testMystTokenAbi,
    functionName: 'balanceOf',
    args: [of],
  }) as Promise<bigint>

test('F6, 77: what was answered since a backup is there again after its restore, and all of it is paid', async () => {
  running = await startAccountant()
  bob = await openProvider(0xb0)
  carol = await openProvider(0xca)
  await pay(alice, bob, 1, 11_000_000_000_000_001n)
  await pay(alice, carol, 1, 7_000_000_000_000_003n)
  await pay(dave, bob, 2, 5_000_000_000_000_007n)
  expect(await myst_('accountant', 'backup', 'monday.db', ...withConfig)).toContain('is whole')
  expect((await programs.runMyst('accountant', 'backup', 'monday.db', ...withConfig)).stderr).toContain('file-exists')

  // The time that will be lost.
  await pay(alice, bob, 1, 13_000_000_000_000_009n)
  await pay(dave, carol, 3, 17_000_000_000_000_011n)
  await pay(alice, carol, 1, 19_000_000_000_000_013n)
  await settle(carol)
  await pay(dave, bob, 2, 23_000_000_000_000_017n)
  await pay(dave, bob, 2, 29_000_000_000_000_019n)
  const before = await Promise.all([bob, carol].map(({ client }) => client.providerStanding()))
  const credited = [bob, carol].map(({ desk }) => desk.standing.credited)

  await killAccountant()
  loseLedger()
  expect(await myst_('accountant', 'restore', 'monday.db', ...withConfig)).toContain('in place')
  running = await startAccountant()
  expect(await status()).toMatchObject({ recovering: true, running: true, unknownCredit: '0' })
  expect(await metric('accountant_recovering')).toBe(1)

  // They bring back what they were answered; what is new waits.
  await pay(alice, bob, 1, 31_000_000_000_000_023n)
  await pay(dave, carol, 3, 37_000_000_000_000_029n)
  expect([bob, carol].map(({ desk }) => desk.standing.credited)).toEqual(credited)
  for (const { lines } of [bob, carol]) expect(lines.join('\n')).toContain('accountant-behind')
  const after = await Promise.all([bob, carol].map(({ client }) => client.providerStanding()))
  for (const [index, { newest }] of after.entries()) expect(newest?.amount).toBe(before[index]?.newest?.amount)
  expect(bob.desk.standing.uncredited).toBe(31_000_000_000_000_023n)
  expect(await status()).toMatchObject({ recovering: true, unknownCredit: '0' })

  // A day later; here the operator says that nobody else will come.
  expect(await killAccountant()).toContain('ledger-behind reason=backup recovery=true')
  await configure(0)
  running = await startAccountant()
  await expect.poll(async () => (await status()).recovering, { timeout: 10_000 }).toBe(false)
  for (const to of [bob, carol]) await pay(alice, to, 4, 1_000_000_000_000_031n)
  for (const { desk } of [bob, carol]) expect(desk.standing.uncredited).toBe(0n)
  await expectExact()
}, 180_000)

/** Everything is settled and collected: each wei that consumers promised is with a provider or with the accountant. */
async function expectExact(): Promise<void> {
  const spent = alice.spent + dave.spent
  let earned = 0n
  let fees = 0n
  for (const provider of [bob, carol]) {
    const { desk, identity, client } = provider
    const newest = await settle(provider)
    await client.reveal(desk.newest()?.preimage as Uint8Array)
    expect(await balanceOf(identity)).toBe(newest)
    expect(desk.standing.credited).toBe(newest)
    earned += newest
    fees += desk.standing.fees
  }
  expect(earned + fees).toBe(spent)
  expect(await status()).toMatchObject({ credited: earned.toString(), fees: fees.toString(), unknownCredit: '0' })
  const left = async () =>
    (await Promise.all([alice, dave].map(({ channel }) => balanceOf(channel())))).reduce((a, b) => a + b)
  await expect.poll(left, { timeout: 20_000 }).toBe(2n * paidIn - spent)
}

test('a copy that does not say that it is old is found out: by the chain, or by a provider', async () => {
  await myst_('accountant', 'backup', 'settled.db', ...withConfig)
  await pay(alice, bob, 4, 2_000_000_000_000_037n)
  const { credited } = bob.desk.standing
  await killAccountant()
  await configure(dayMs)

  // Nobody has settled since: the accountant can't know, until Bob shows what it promised.
  plainCopy('settled.db')
  running = await startAccountant()
  // The recovery of before belongs to this ledger, and within a week it is one loss.
  expect(await status()).toMatchObject({ recovering: false })
  await pay(alice, bob, 4, 3_000_000_000_000_041n)
  expect(bob.desk.standing.credited).toBeGreaterThan(credited)

  // Monday's copy knows of no recovery, and Carol's settlement on chain is above all that it promised.
  await killAccountant()
  plainCopy('monday.db')
  running = await startAccountant()
  expect(await status()).toMatchObject({ recovering: true })
  running.child.kill('SIGINT')
  const { stderr } = await running.ended
  expect(stderr).toMatch(/ledger-behind reason=chain recovery=true provider=0x/)

  // The operator's word alone, where nothing else tells.
  plainCopy('settled.db')
  running = await startAccountant('--recovered')
  expect(await status()).toMatchObject({ recovering: true })
}, 180_000)

/** As an operator copies files: without the mark, and without what stood beside. */
function plainCopy(backup: string): void {
  loseLedger()
  rmSync(at('data/accountant.db'), { force: true })
  copyFileSync(at(backup), at('data/ledger.db'))
  expect(existsSync(at('data/ledger.db-newest'))).toBe(false)
  const file = openSync(at('data/ledger.db'), 'r+')
  // SQLite's header: `application_id`, 4 bytes.
  writeSync(file, new Uint8Array(4), 0, 4, 68)
  closeSync(file)
}
