/**
 * Bob is his own accountant, and Alice pays him with no third party in between: his contract, his keys, his program, his node.
 * Besides the two there are a chain, and full nodes by which they find each other; no transactor, no other accountant.
 */

import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ApiClient, createApiClient } from '@myst/api'
import { createSender, deployTestNetwork, usualTerms } from '@myst/chain'
import { accountantAbi, mystTokenAbi, testMystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type ChainProcess,
  createProcesses,
  download,
  endProcess,
  type Place,
  type Processes,
  richKeys,
  startChain,
} from '@myst/devnet'
import { type Address, formatNetworkProfile, myst, type NetworkProfile, parseNetworkProfile } from '@myst/protocol'
import { encryptKey } from '@myst/store'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPrograms } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const net = '127.0.52'
const place = (last: number): Place => ({
  address: `${net}.${last}`,
  bind: `${net}.${last}`,
  spawn: (command, args, options) => spawn(command, [...args], options),
})
const places = { services: place(1), website: place(2), bob: place(10), alice: place(20) }
const fullNodes = Array.from({ length: 5 }, (_, at) => place(30 + at).address)
const url = `http://${places.services.address}:4060`
const secret = 'correct horse battery'
/** Strong enough for a test that reads it back at once. */
const scryptN = 2 ** 10
const stake = 100n * myst
const paidIn = 20n * myst
const registrationFee = myst / 10n
const [ownerKey, operatorKey] = [new Uint8Array(32).fill(0xb1), new Uint8Array(32).fill(0xb2)]
const [owner, operator] = [ownerKey, operatorKey].map((key) => crypto.addressOf(key)) as [Address, Address]

let dir: string
let chain: ChainProcess
let processes: Processes
let network: NetworkProfile
const programs = createPrograms(() => dir)
const at = (name: string) => join(dir, name)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'myst-own-'))
  processes = createProcesses(dir)
  chain = await startChain(places.services, at('chain.ipc'))
  const founder = createSender(chain.client, richKeys.deployer)
  const deployedAtBlock = await chain.client.rpc.getBlockNumber()
  const terms = { ...usualTerms, registrationFee, minimumOperatorStake: stake }
  const contracts = await deployTestNetwork(chain.client, founder, terms)
  network = {
    networkId: 'devnet',
    chainId: chain.client.chainId,
    rpcUrls: [chain.rpcUrl],
    contracts,
    deployedAtBlock,
    confirmationDepth: 1,
    accountants: [],
    transactorUrls: [],
    bootstrap: fullNodes.map((host) => `${host}:4040`),
    stunServers: fullNodes.slice(0, 2).map((host) => `${host}:3478`),
    exit: { publicRanges: [], publicEndpoints: [`${places.website.address}:8080`] },
    priceScale: 20n,
  }
  await writeFile(at('network.json'), formatNetworkProfile(network))
  await writeFile(at('pass'), secret, { mode: 0o600 })
  for (const [name, key] of [
    ['owner.json', ownerKey],
    ['operator.json', operatorKey],
  ] as const) {
    await writeFile(at(name), await encryptKey(crypto, key, secret, scryptN), { mode: 0o600 })
  }
  const addresses = fullNodes.map((host) => ({ host, port: 4040, stunPort: 3478 }))
  await Promise.all([
    startProgram('full-nodes', place(30), '../packages/node/src/full-node-main.ts', {
      networkId: 'devnet',
      lab: true,
      addresses,
    }),
    startProgram('website', places.website, '../packages/devnet/src/website-main.ts', {
      host: places.website.address,
      port: 8080,
    }),
  ])
}, 90_000)

afterAll(async () => {
  programs.killAll()
  await processes?.close()
  if (chain !== undefined) await endProcess(chain.child)
  await rm(dir, { recursive: true, force: true })
})

async function startProgram(name: string, where: Place, script: string, config: object) {
  await writeFile(at(`${name}.config.json`), JSON.stringify(config))
  const path = fileURLToPath(new URL(script, import.meta.url))
  return processes.start(name, where, path, [at(`${name}.config.json`)], 'network')
}

async function startNode(name: 'bob' | 'alice'): Promise<{ readonly identity: Address; readonly api: ApiClient }> {
  await mkdir(at(name), { recursive: true })
  const { ready } = await startProgram(name, places[name], '../packages/node/src/main.ts', {
    profile: at('network.json'),
    dataDir: at(name),
    drivers: ['proxy'],
    policy: { minInvoiceMs: 500, maxInvoiceMs: 500 },
    bind: { host: places[name].address, port: 0 },
  })
  const token = (await readFile(at(`${name}/api-token`), 'utf8')).trim()
  return { identity: ready.identity as Address, api: createApiClient({ socketPath: String(ready.socket), token }) }
}

const node = (method: string, ...params: unknown[]) => chain.client.rpc.request({ method, params } as never)
const giveGas = (to: Address) => node('anvil_setBalance', to, '0xde0b6b3a7640000')
const balanceOf = (of: Address): Promise<bigint> =>
  chain.client.rpc.readContract({
    address: network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [of],
  })
const registerArgs = [
  'accountant',
  'register',
  '--network',
  'network.json',
  '--operator',
  'operator.json',
  '--url',
  url,
]
const registerAs = [...registerArgs, '--keystore', 'owner.json', '--passphrase-file', 'pass', '--fee-rate', '5%']

async function profileNow(): Promise<NetworkProfile> {
  const parsed = parseNetworkProfile(JSON.parse(await readFile(at('network.json'), 'utf8')))
  if (!parsed.ok) throw new Error(parsed.refusal.code)
  return parsed.value
}

test('Bob registers an accountant of his own with one command', async () => {
  const poor = await programs.runMyst(...registerAs, '--yes')
  expect([poor.exitCode, poor.stderr]).toEqual([1, expect.stringContaining('deployer-underfunded')])
  await giveGas(owner)
  const bare = await programs.runMyst(...registerAs, '--yes', '--json')
  expect(JSON.parse(bare.stdout)).toMatchObject({ error: { code: 'stake-missing', facts: { missing: `${stake}` } } })
  const own = createSender(chain.client, ownerKey)
  const tap = { to: network.contracts.token, abi: testMystTokenAbi, name: 'faucet', args: [owner, stake] } as const
  await own.send(tap)
  const sentBefore = await chain.client.rpc.getTransactionCount({ address: owner })
  const look = await programs.runMyst(...registerAs, '--dry-run')
  expect([look.exitCode, look.stdout]).toEqual([0, expect.stringContaining('Nothing was sent.')])
  const unasked = await programs.runMyst(...registerAs)
  expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringContaining('confirmation-missing')])
  expect(await chain.client.rpc.getTransactionCount({ address: owner })).toBe(sentBefore)

  const done = await programs.runMyst(...registerAs, '--yes', '--json')
  expect([done.exitCode, done.stderr]).toEqual([0, expect.any(String)])
  const { accountant, transactions, needed } = JSON.parse(done.stdout)
  expect(transactions.map(({ step }: { step: string }) => step)).toEqual(['approval', 'accountant'])
  expect(look.stdout).toContain(accountant)
  expect(await balanceOf(accountant)).toBe(stake)
  expect((await profileNow()).accountants).toEqual([{ address: accountant, operator, url }])
  const left = await chain.client.rpc.getBalance({ address: owner })
  expect(10n ** 18n - left).toBeLessThan(BigInt(needed))

  // Run again it finds all of it there; the entry is made anew where it is gone.
  await writeFile(at('network.json'), formatNetworkProfile(network))
  const again = JSON.parse((await programs.runMyst(...registerAs, '--yes', '--json')).stdout)
  expect(again).toMatchObject({ accountant, transactions: [], profile: { entered: true } })
  const kept = JSON.parse((await programs.runMyst(...registerAs, '--yes', '--json')).stdout)
  expect(kept).toMatchObject({ transactions: [], profile: { entered: false } })
  expect(await profileNow()).toEqual({ ...network, accountants: [{ address: accountant, operator, url }] })

  // Killed between the two: what is approved is not approved again.
  await own.send(tap)
  const { token, registry } = network.contracts
  await own.send({ to: token, abi: mystTokenAbi, name: 'approve', args: [registry, stake] })
  await writeFile(at('second.json'), formatNetworkProfile(network))
  const second = registerAs.map((arg) => ({ 'network.json': 'second.json', 'operator.json': owner })[arg] ?? arg)
  const rest = JSON.parse((await programs.runMyst(...second, '--yes', '--json')).stdout)
  expect(rest).toMatchObject({ operator: owner, transactions: [{ step: 'accountant' }], missingStake: '0' })
}, 120_000)

test('Alice pays Bob, and he ends with the money: nobody else takes part', async () => {
  const { accountants } = await profileNow()
  const accountant = accountants[0]?.address as Address
  await giveGas(operator)
  const files = { profile: at('network.json'), keyFile: at('operator.json'), passphraseFile: at('pass') }
  const often = { collectEveryMs: 300, watchEveryMs: 300, collectFrom: '1', mystPerNative: '1', fundsReserve: '0' }
  const listen = { host: places.services.address, port: 4060 }
  await writeFile(at('accountant.json'), JSON.stringify({ ...files, dataDir: at('data'), ...listen, ...often }))
  const carol = programs.startMyst(['accountant', '--config', 'accountant.json'])
  await expect.poll(carol.said, { timeout: 40_000 }).toContain('The accountant runs')
  const [bob, alice] = await Promise.all([startNode('bob'), startNode('alice')])

  await bob.api.serve({ serviceType: 'proxy', country: 'NL' })
  const { channel } = await alice.api.topUp()
  const stranger = createSender(chain.client, richKeys.deployer)
  const { token } = network.contracts
  await stranger.send({ to: token, abi: testMystTokenAbi, name: 'faucet', args: [channel, paidIn] })
  const beforeBlock = await chain.client.rpc.getBlockNumber()
  await expect(alice.api.register()).rejects.toMatchObject({ code: 'gas-missing' })
  await Promise.all([alice, bob].map(({ identity }) => giveGas(identity)))
  expect(await alice.api.register()).toMatchObject({
    transactorFee: '0',
    registrationFee: `${registrationFee}`,
    hash: expect.any(String),
  })

  const connection = await alice.api.connect({ serviceType: 'proxy', provider: bob.identity })
  const website = { url: `http://${places.website.address}:8080` }
  expect(await download({ website, processes }, { place: places.alice }, 20_000_000, connection.listening)).toBe(2e7)
  await alice.api.disconnect({ id: connection.id })
  const spent = BigInt((await alice.api.status()).consumer.spent)
  expect(spent).toBeGreaterThan(myst / 50n)

  // What Alice signed is Bob's as accountant before Bob as provider draws on it: nobody needs to lend in between.
  const left = paidIn - registrationFee - spent
  await expect.poll(() => balanceOf(channel), { timeout: 30_000 }).toBe(left)
  expect(await balanceOf(accountant)).toBe(stake + spent)
  const { provider } = await bob.api.status()
  const [credited, fees] = [BigInt(provider.credited), BigInt(provider.accountantFees)]
  expect([credited + fees, BigInt(provider.inFlight)]).toEqual([spent, 0n])
  expect(await bob.api.settle()).toMatchObject({ paid: `${credited}`, transactorFee: '0' })
  expect(await balanceOf(bob.identity)).toBe(credited)

  // The fee is the contract's free funds now; its owner takes it out after the delay.
  carol.child.kill('SIGTERM')
  expect((await carol.ended).exitCode).toBe(0)
  const sender = createSender(chain.client, ownerKey)
  const call = { to: accountant, abi: accountantAbi } as const
  await sender.send({ ...call, name: 'announceWithdrawal', args: [fees, owner] })
  await expect(sender.send({ ...call, name: 'withdraw', args: [] })).rejects.toMatchObject({
    facts: { error: 'TooEarly' },
  })
  await passTime(usualTerms.exitDelay)
  await sender.send({ ...call, name: 'withdraw', args: [] })
  expect(await balanceOf(owner)).toBe(fees)
  expect(await balanceOf(accountant)).toBe(stake)
  // And he can stop being one: after the long delay the stake is his again.
  await sender.send({ ...call, name: 'close', args: [] })
  await passTime(usualTerms.closingDelay)
  await sender.send({ ...call, name: 'announceWithdrawal', args: [stake, owner] })
  await passTime(usualTerms.exitDelay)
  await sender.send({ ...call, name: 'withdraw', args: [] })
  expect((await balanceOf(bob.identity)) + (await balanceOf(owner))).toBe(spent + stake)
  expect([await balanceOf(accountant), await balanceOf(channel)]).toEqual([0n, left])
  expect(await sendersSince(beforeBlock)).toEqual(new Set([alice.identity, bob.identity, owner, operator]))
}, 180_000)

async function passTime(seconds: bigint): Promise<void> {
  await node('evm_increaseTime', Number(seconds) + 1)
  await node('evm_mine')
}

async function sendersSince(block: bigint): Promise<ReadonlySet<string>> {
  const senders = new Set<string>()
  const head = await chain.client.rpc.getBlockNumber()
  for (let blockNumber = block + 1n; blockNumber <= head; blockNumber++) {
    const { transactions } = await chain.client.rpc.getBlock({ blockNumber, includeTransactions: true })
    for (const { from } of transactions) senders.add(from.toLowerCase())
  }
  return senders
}
