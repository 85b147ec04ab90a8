/**
 * F15: the accountant is away, its providers go on working, and then all of them come back at once, with what they were
 * promised meanwhile. Real desks, a real accountant that is killed, a real chain. 200 providers; 1,000 with MYST_LONG=1.
 */

import { fileURLToPath } from 'node:url'
import { createAccountantClient, deriveKeys, type ExchangeDesk, openExchangeDesk, systemClock } from '@myst/billing'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import {
  type Address,
  channelAddress,
  concatBytes,
  fromHex,
  hashPromise,
  myst,
  noTicks,
  toHex,
  uintToBytes,
} from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestChain, type TestChain } from './chain.fixture.ts'
import { createPrograms, type Started } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.53.2'
const programPath = fileURLToPath(new URL('../packages/accountant/src/main.ts', import.meta.url))
const providers = process.env.MYST_LONG === '1' ? 1000 : 200
const step = 3n * 10n ** 15n + 1n
/** One address asks for all of them here: it may ask 50 times a second, so a thousand need a minute and a half. */
const patience = { timeout: 180_000, interval: 250 }
let world: TestChain
let configFile: string
const programs = createPrograms(() => world.dir)
const desks: Provider[] = []

interface Provider {
  readonly desk: ExchangeDesk
  readonly lines: string[]
  promised: bigint
  promise(): void
}

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  configFile = await world.writeConfig()
}, 60_000)

afterAll(async () => {
  await Promise.all(desks.map(({ desk }) => desk.close()))
  programs.killAll()
  await world?.close()
})

async function startAccountant(): Promise<Started> {
  const up = programs.start(programPath, [configFile])
  await expect.poll(up.said, { timeout: 40_000, interval: 50 }).toContain('"ready":true')
  return up
}

const keyOf = (kind: number, index: number) => crypto.keccak256(Uint8Array.of(kind, index >> 8, index & 255))
const aliceOf = (index: number) => crypto.addressOf(keyOf(0xa1, index))
const channelOf = (consumer: Address) =>
  channelAddress(crypto, world.network.contracts, consumer, world.network.accountant)

/** As a transfer of a thousand people would: the test token keeps its balances in slot 0. */
async function fund(): Promise<void> {
  const requests = Array.from({ length: providers }, (_, id) => {
    const owner = fromHex(channelOf(aliceOf(id)))
    const slot = toHex(crypto.keccak256(concatBytes(new Uint8Array(12), owner, uintToBytes(0n))))
    const params = [world.network.contracts.token, slot, toHex(uintToBytes(10n * myst))]
    return { jsonrpc: '2.0', id, method: 'anvil_setStorageAt', params }
  })
  const headers = { 'content-type': 'application/json' }
  const asked = await fetch(world.chain.rpcUrl, { method: 'POST', headers, body: JSON.stringify(requests) })
  await asked.arrayBuffer()
  await world.chain.client.rpc.request({ method: 'evm_mine', params: undefined } as never)
}

async function openProvider(index: number): Promise<Provider> {
  const keys = deriveKeys(crypto, keyOf(0xb0, index))
  const { chainId } = world.profile
  const operator = crypto.addressOf(richKeys.operator)
  const accountant = { address: world.network.accountant, operator, url: world.accountantUrl }
  const domain = { chainId, verifyingContract: accountant.address }
  const client = createAccountantClient({ crypto, clock: systemClock }, keys, domain, accountant)
  const lines: string[] = []
  const desk = await openExchangeDesk(
    {
      crypto,
      clock: systemClock,
      store: createMemoryStore(),
      client,
      onOutcomes: () => {},
      feeRate: async () => 500,
      operator: async () => operator,
      log: (line) => lines.push(line),
    },
    {
      keys,
      chainId,
      contracts: world.network.contracts,
      accountant,
      policy: { dueSum: 1n, maxAgeMs: 3_600_000, maxItems: 10 },
      feeLimit: 500,
      unprovedRefusals: 0n,
    },
  )
  const alice = aliceOf(index)
  const provider: Provider = {
    desk,
    lines,
    promised: 0n,
    promise() {
      provider.promised += step
      const agreement = { id: toHex(new Uint8Array(32).fill(1)), provider: keys.identity, total: provider.promised }
      const promise = { amount: provider.promised, hashlock: desk.hashlock, agreement, ticks: noTicks }
      const hash = hashPromise(crypto, { chainId, channel: channelOf(alice) }, promise)
      const signed = { consumer: alice, promise, signature: crypto.sign(hash, keyOf(0xa1, index)) }
      desk.add(`${alice}/${agreement.id}`, signed, false)
    },
  }
  desks.push(provider)
  return provider
}

const status = async () => (await (await fetch(`${world.accountantUrl}/v1/status`)).json()) as Record<string, unknown>
const uncredited = () => desks.filter(({ desk }) => desk.standing.uncredited > 0n).length

test(`F15: ${providers} providers come back at once, and each is credited everything, once`, async () => {
  await fund()
  const before = await startAccountant()
  for (let first = 0; first < providers; first += 50) {
    // Opened over some seconds, as one address may ask so often only; who is refused asks again.
    const opening = Array.from({ length: Math.min(50, providers - first) }, (_, at) => openPatiently(first + at))
    for (const provider of await Promise.all(opening)) provider.promise()
  }
  await expect.poll(uncredited, patience).toBe(0)
  before.child.kill('SIGKILL')
  await before.ended

  for (const provider of desks) provider.promise()
  const hasFailed = ({ lines }: Provider) => lines.some((line) => line.includes('accountant-unreachable'))
  await expect.poll(() => desks.every(hasFailed), patience).toBe(true)
  // Under way is the first of these; the second waits behind it.
  for (const provider of desks) provider.promise()
  expect(uncredited()).toBe(providers)

  const after = await startAccountant()
  await expect.poll(uncredited, patience).toBe(0)
  expect(after.child.exitCode).toBe(null)
  let [credited, fees] = [0n, 0n]
  for (const { desk, promised } of desks) {
    const { standing } = desk
    expect(standing.credited + standing.fees).toBe(promised)
    expect([standing.batches, standing.promises, desk.stopped]).toEqual([3, 3, false])
    expect(desk.newest()?.promise.amount).toBe(standing.credited)
    credited += standing.credited
    fees += standing.fees
  }
  expect(credited + fees).toBe(BigInt(providers) * 3n * step)
  expect(await statusPatiently()).toMatchObject({
    credited: `${credited}`,
    fees: `${fees}`,
    promises: 3 * providers,
    running: true,
  })
}, 600_000)

async function openPatiently(index: number): Promise<Provider> {
  for (;;) {
    try {
      return await openProvider(index)
    } catch (fault) {
      if (!/429/.test(String(fault))) throw fault
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
  }
}

/** It may be asked too often just then. */
async function statusPatiently(): Promise<Record<string, unknown>> {
  let told: Record<string, unknown> = {}
  await expect
    .poll(async () => {
      told = await status()
      return told.running
    }, patience)
    .toBe(true)
  return told
}
