/**
 * `myst transactor` and `myst faucet`, as an operator runs them: the commands of the documentation, and a process that is
 * killed while its transactions are on their way.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee } from '@myst/devnet'
import {
  type Address,
  channelAddress,
  decodeMessage,
  encodeMessage,
  formatNetworkProfile,
  hashTypedData,
  myst,
  type Registration,
  registrationStruct,
  transactorRequestSchema,
  transactorStateSchema,
  zeroAddress,
} from '@myst/protocol'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openTestChain, type TestChain } from './chain.fixture.ts'
import { createPrograms, runShown } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.32.4'
const url = `http://${host}:4070`
const programPath = fileURLToPath(new URL('../packages/transactor/src/main.ts', import.meta.url))
const page = readFileSync(new URL('../docs/operating/transactor.md', import.meta.url), 'utf8')
let world: TestChain
const programs = createPrograms(() => world.dir)
const { start, startMyst, runMyst } = programs

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  const profile = { ...world.profile, networkId: 'oxford', transactorUrls: [url] }
  writeFileSync(join(world.dir, 'oxford.network.json'), formatNetworkProfile(profile))
  writeFileSync(join(world.dir, 'gas.pass'), 'correct horse battery\n', { mode: 0o600 })
}, 30_000)
afterEach(() => programs.killAll())
afterAll(() => world?.close())

const node = (method: string, ...params: unknown[]) =>
  world.chain.client.rpc.request({ method, params } as never) as Promise<unknown>
const balanceOf = (address: Address) =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [address],
  })
const get = async (path: string) => (await fetch(url + path, { headers: { accept: 'application/json' } })).json()

/** A key takes a second to decrypt, longer where others work too. */
const until = (what: () => boolean | Promise<boolean>) =>
  expect.poll(what, { timeout: 40_000, interval: 50 }).toBe(true)

let transactor: Address

test('the commands of docs/operating/transactor.md, in their order', async () => {
  const commands = await runShown(page, programs, 2)
  expect(commands).toHaveLength(3)
  const args = commands[2] ?? []
  const up = startMyst([...args, '--listen', `${host}:4070`])
  await until(() => up.said().includes('The transactor runs'))
  transactor = /gas is paid by (0x[0-9a-f]{40})/.exec(up.said())?.[1] as Address
  await node('anvil_setBalance', transactor, `0x${(10n ** 18n).toString(16)}`)
  expect(await get('/healthz')).toEqual({ running: true })
  expect(await get('/v1/status')).toMatchObject({ networkId: 'oxford', transactor, chain: { reachable: true } })
  const refused = await runMyst('faucet', `0x${'a1'.repeat(20)}`, '--network', 'oxford.network.json')
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('has no faucet')
  up.child.kill('SIGINT')
  expect((await up.ended).exitCode).toBe(0)
  const again = await runMyst(...args)
  expect(again.exitCode).toBe(1)
  expect(again.stderr).toContain('config-kept')
}, 120_000)

test('at first start it says what it needs', async () => {
  const bare = await runMyst('--data-dir', 'bare', 'transactor')
  expect(bare.exitCode).toBe(2)
  expect(bare.stderr).toContain('--myst-per-native')
  const away = await runMyst('faucet', `0x${'a1'.repeat(20)}`, '--network', 'oxford.network.json')
  expect([away.exitCode, away.stderr]).toEqual([3, expect.stringContaining('does not answer')])
})

test('killed with requests on their way, it ends each of them once; the faucet gives', async () => {
  const config = JSON.parse(readFileSync(join(world.dir, 'data/transactor.json'), 'utf8'))
  const path = join(world.dir, 'with-faucet.json')
  const faucet = { amount: String(2n * myst), perDay: 10, perAddressPerDay: 10 }
  writeFileSync(path, JSON.stringify({ ...config, faucet }))
  const people = [1, 2, 3].map((number) => {
    const key = crypto.keccak256(Uint8Array.of(number))
    const identity = crypto.addressOf(key)
    return {
      key,
      identity,
      channel: channelAddress(crypto, world.network.contracts, identity, world.network.accountant),
    }
  })

  let up = start(programPath, [path])
  await until(() => up.said().includes('ready'))
  const [alice, ...others] = people.map(({ channel }) => channel)
  const drawn = await runMyst('faucet', alice as Address, '--network', 'oxford.network.json', '--json')
  expect([drawn.exitCode, JSON.parse(drawn.stdout)]).toMatchObject([0, { status: 'mined', to: alice }])
  const second = await runMyst('faucet', alice as Address, '--network', 'oxford.network.json')
  expect(second.stdout).toContain(`${alice} had its 2 MYST of today already`)
  for (const to of others) {
    const headers = { 'content-type': 'application/json' }
    await fetch(`${url}/v1/faucet`, { method: 'POST', headers, body: JSON.stringify({ to }) })
    await until(async () => (await balanceOf(to)) === 2n * myst)
  }

  const { fee } = (await get('/v1/quotes/register')) as { fee: string }
  await node('evm_setAutomine', false)
  await node('evm_setIntervalMining', 0)
  const bodies = people.map(({ key, identity }) => {
    const registration: Registration = {
      ...{ identity, accountant: world.network.accountant, beneficiary: zeroAddress, transactor },
      ...{ fee: BigInt(fee), nonce: 1n, deadline: 2n ** 40n },
    }
    const domain = { chainId: world.profile.chainId, verifyingContract: world.profile.contracts.registry }
    const signature = crypto.sign(hashTypedData(crypto, domain, registrationStruct, registration), key)
    return Buffer.from(encodeMessage(transactorRequestSchema, { kind: 'register', registration, signature }))
  })
  const post = (body: Buffer) =>
    fetch(`${url}/v1/requests`, { method: 'POST', headers: { 'content-type': 'application/cbor' }, body })
  for (const body of bodies) post(body).catch(() => {})
  const inPool = async () => Number(((await node('txpool_status')) as { pending: string }).pending)
  await until(async () => (await inPool()) === 3)
  up.child.kill('SIGKILL')
  await up.ended
  await node('anvil_mine', '0x1')
  up = start(programPath, [path])
  await until(() => up.said().includes('ready'))
  for (const body of bodies) {
    const answer = decodeMessage(transactorStateSchema, new Uint8Array(await (await post(body)).arrayBuffer()))
    expect(answer).toMatchObject({ ok: true, value: { status: 'mined', hash: expect.any(String) } })
  }
  for (const { channel } of people) {
    const left = await balanceOf(channel)
    expect(left).toBe(2n * myst - registrationFee - BigInt(fee))
  }
  expect(await inPool()).toBe(0)
}, 120_000)
