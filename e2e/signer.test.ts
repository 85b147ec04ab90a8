/**
 * An accountant without its key: `myst accountant signer` has it, as a process of its own that is killed and comes back.
 */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadNativeCrypto } from '@myst/crypto-native'
import { formatNetworkProfile, myst } from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MoneyWorld, openMoneyWorld, type Pair } from './money.fixture.ts'
import { runShown, type Started } from './program.fixture.ts'
import { openFaultyRpc } from './transactor.fixture.ts'

const crypto = await loadNativeCrypto()
const signerPath = fileURLToPath(new URL('../packages/accountant/src/signer/signer-main.ts', import.meta.url))
const page = readFileSync(new URL('../docs/operating/accountant.md', import.meta.url), 'utf8')
const firstOptions = ['--keystore', 'operator.json', '--passphrase-file', 'operator.pass', '--socket', 'signer.sock']
const soon = { timeout: 20_000, interval: 100 }
let here: MoneyWorld
let signer: Started
let carol: Started
let bob: Pair
let second: Awaited<ReturnType<typeof openFaultyRpc>>

const socket = () => join(here.world.dir, 'signer.sock')
const metric = async (name: string) =>
  Number((await (await fetch(`${here.url()}/metrics`)).text()).match(new RegExp(`^${name} (.*)$`, 'm'))?.[1])

/** The program itself: a kill of the command would leave it alone. */
const startSigner = () => untilUp(here.programs.start(signerPath, [join(here.world.dir, 'signer/signer.json')]))

async function untilUp(started: Started): Promise<Started> {
  for (let looks = 0; looks < 800 && started.child.exitCode === null; looks++) {
    if (/The signer runs|The accountant runs|"ready":true/.test(started.said())) return started
    await wait(50)
  }
  started.child.kill('SIGKILL')
  throw new Error(`it did not start: ${(await started.ended).stderr}`)
}

async function endOf({ child, ended }: Started): Promise<number | null> {
  child.kill('SIGTERM')
  return (await ended).exitCode
}

beforeAll(async () => {
  here = await openMoneyWorld(crypto, '127.0.63.4')
  const { profile } = here.world
  second = await openFaultyRpc('127.0.63.5', 8546, profile.rpcUrls[0] ?? '')
  const rpcUrls = [...profile.rpcUrls, second.rpc.url]
  const network = join(here.world.dir, 'oxford.network.json')
  await writeFile(network, formatNetworkProfile({ ...profile, rpcUrls }))
  // The commands read the operator's key.
  await here.world.writeConfig()
  const [alone, withSigner] = await runShown(page, here.programs, 0).then((commands) => commands.slice(-2))
  const command = await untilUp(here.programs.startMyst(alone ?? []))
  const accountant = await untilUp(here.programs.startMyst([...(withSigner ?? []), '--listen', '127.0.63.4:4061']))
  expect(await endOf(accountant)).toBe(0)
  expect(await endOf(command)).toBe(0)
  signer = await startSigner()
  const keyless = { keyFile: undefined, passphraseFile: undefined, signer: { socket: socket() } }
  carol = await here.startUp({ ...keyless, profile: network })
  bob = await here.newPair(50n * myst)
}, 120_000)
afterAll(async () => {
  await here?.close()
  second?.server.closeAllConnections()
  second?.server.close()
})

test('its answers, and its transactions, are signed by the signer', async () => {
  expect(statSync(socket()).mode & 0o777).toBe(0o600)
  await here.credit(bob, 2n * myst)
  await here.reveal(bob)
  // The collection is a transaction of the operator's.
  await expect.poll(async () => (await here.channelOf(bob)).settled, soon).toBe(2n * myst)
  // And the contract pays what was signed.
  await here.settle(bob)
  expect((await here.providerOf(bob)).settled).toBe((bob.newest?.amount as bigint) ?? 0n)
})

test('while the signer is dead it refuses, and credits nothing; when it is back it answers, without a restart', async () => {
  await here.credit(bob, myst)
  const before = await metric('accountant_credited_myst')
  signer.child.kill('SIGKILL')
  await signer.ended
  expect(existsSync(socket())).toBe(true)
  const { promised, epoch } = bob
  await expect(here.credit(bob, myst)).rejects.toThrow('signing-failed')
  expect([bob.promised, bob.epoch]).toEqual([promised, epoch])
  expect(await metric('accountant_credited_myst')).toBe(before)
  expect(await metric('accountant_signer_away')).toBe(1)
  expect((await fetch(`${here.url()}/healthz`)).status).toBe(200)
  signer = await startSigner()
  await here.credit(bob, myst)
  expect(await metric('accountant_signer_away')).toBe(0)
  await here.reveal(bob)
  await expect.poll(async () => (await here.channelOf(bob)).settled, soon).toBe(4n * myst)
  expect(carol.child.exitCode).toBe(null)
})

test('what is to be sent while the signer is dead is sent once when it is back', async () => {
  await here.credit(bob, myst)
  signer.child.kill('SIGKILL')
  await signer.ended
  await here.reveal(bob)
  await expect.poll(() => metric('accountant_signer_away'), soon).toBe(1)
  signer = await startSigner()
  await expect.poll(async () => (await here.channelOf(bob)).settled, soon).toBe(5n * myst)
})

test('what is to be sent while one of two RPC endpoints is away goes through the other', async () => {
  await here.credit(bob, myst)
  second.rpc.answer = () => 503
  await here.reveal(bob)
  await expect.poll(async () => (await here.channelOf(bob)).settled, soon).toBe(6n * myst)
  second.rpc.answer = undefined
  await expect.poll(() => here.credit(bob, myst).then(() => 'credited', String), soon).toBe('credited')
})

test('the commands beside it ask the signer too', async () => {
  const config = join(here.world.dir, '4060.json')
  const copied = await here.programs.runMyst('accountant', 'backup', 'copy.db', '--config', config)
  expect([copied.exitCode, copied.stderr]).toEqual([0, ''])
  expect(readFileSync(config, 'utf8')).not.toContain('keyFile')
})

test('a second signer does not take its place; the first one ends in order and takes its socket with it', async () => {
  const second = await here.programs.runMyst('--data-dir', 'second', 'accountant', 'signer', ...firstOptions)
  expect([second.exitCode, second.stderr]).toEqual([1, expect.stringContaining('signer-in-use')])
  await here.credit(bob, myst)
  expect(await endOf(signer)).toBe(0)
  expect(existsSync(socket())).toBe(false)
})
