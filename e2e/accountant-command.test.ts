/**
 * `myst accountant`, as an operator runs it: the commands of the documentation, and a provider that is paid by it.
 */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadNativeCrypto } from '@myst/crypto-native'
import { currentIdentity } from '@myst/node'
import { type Address, batchContent, formatNetworkProfile, hashlockOf, myst, signContent } from '@myst/protocol'
import { startPostgres, whyNoPostgres } from '@myst/testkit'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openTestChain, postBatch, type TestChain } from './chain.fixture.ts'
import { createPrograms, runShown } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.35.1'
const url = `http://${host}:4060`
const programPath = fileURLToPath(new URL('../packages/accountant/src/main.ts', import.meta.url))
const page = readFileSync(new URL('../docs/operating/accountant.md', import.meta.url), 'utf8')
let world: TestChain
const programs = createPrograms(() => world.dir)
const { start, startMyst, runMyst } = programs

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  writeFileSync(join(world.dir, 'operator.pass'), 'correct horse battery\n', { mode: 0o600 })
}, 30_000)
afterEach(() => programs.killAll())
afterAll(() => world?.close())

/** A key takes a second to decrypt, longer where others work too. */
const untilUp = (up: { said(): string }) =>
  expect.poll(() => /The accountant runs|"ready":true/.test(up.said()), { timeout: 40_000, interval: 50 }).toBe(true)

test('the commands of docs/operating/accountant.md, in their order', async () => {
  writeFileSync(join(world.dir, 'owner.pass'), 'battery horse correct\n', { mode: 0o600 })
  const founded = { ...world.profile, networkId: 'oxford', accountants: [] }
  writeFileSync(join(world.dir, 'oxford.network.json'), formatNetworkProfile(founded))
  const commands = await runShown(page, programs, 3)
  // The last three are run by move-ledger.test.ts and signer.test.ts.
  expect(commands).toHaveLength(13)
  const owner = (await currentIdentity(join(world.dir, 'owner'))) as Address
  await world.network.faucet(owner, 100n * myst)
  await world.chain.client.rpc.request({ method: 'anvil_setBalance', params: [owner, '0xde0b6b3a7640000'] } as never)
  const registered = await runMyst(...(commands[3] ?? []))
  expect([registered.exitCode, registered.stderr]).toEqual([0, expect.any(String)])
  const accountant = JSON.parse(readFileSync(join(world.dir, 'oxford.network.json'), 'utf8')).accountants[0].address

  const args = commands[4] ?? []
  const up = startMyst([...args, '--listen', `${host}:4060`])
  await untilUp(up)
  expect(up.said()).toContain(accountant)
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ running: true })
  expect(await (await fetch(`${url}/v1/status`)).json()).toMatchObject({ accountant, feeRate: 300, promises: 0 })
  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^accountant_running 1$/m)

  // Nobody earned anything here yet: the plan is made, and there is nothing to grant.
  const bounties = []
  for (const shown of commands.slice(5, 8)) bounties.push(await runMyst(...shown))
  expect(bounties.map(({ exitCode }) => exitCode)).toEqual([0, 2, 0])
  expect(bounties[1]?.stderr).toContain('it gives nobody anything')

  const backedUp = await runMyst(...(commands[8] ?? []))
  expect([backedUp.exitCode, backedUp.stderr]).toEqual([0, ''])
  up.child.kill('SIGINT')
  const ended = await up.ended
  expect(ended.exitCode, ended.stderr).toBe(0)
  const kept = await runMyst(...(commands[9] ?? []))
  expect([kept.exitCode, kept.stderr]).toEqual([1, expect.stringContaining('file-exists')])
  mkdirSync(join(world.dir, 'away'))
  for (const name of ['ledger.db', 'ledger.db-newest', 'ledger.db-records']) {
    renameSync(join(world.dir, 'data', name), join(world.dir, 'away', name))
  }
  expect((await runMyst(...(commands[9] ?? []))).exitCode).toBe(0)
  const changed = await runMyst(...args)
  expect(changed.exitCode).toBe(1)
  expect(changed.stderr).toContain('config-kept')
}, 120_000)

test('what it answered is there after a kill, byte for byte', async () => {
  const configPath = join(world.dir, 'data/accountant.json')
  const signed = signedBatch(1)
  const up = start(programPath, [configPath])
  await untilUp(up)
  const answer = await postBatch(url, signed)
  expect(answer.kind).toBe('answered')
  up.child.kill('SIGKILL')
  await up.ended
  const again = start(programPath, [configPath])
  await untilUp(again)
  expect(await postBatch(url, signed)).toEqual(answer)
}, 60_000)

const noPostgres = whyNoPostgres()
test.skipIf(noPostgres !== undefined)(
  `two on one PostgreSQL: the second waits, takes over, and answers the same bytes${noPostgres === undefined ? '' : `: skipped, ${noPostgres}`}`,
  async () => {
    const postgres = await startPostgres()
    try {
      const config = JSON.parse(readFileSync(join(world.dir, 'data/accountant.json'), 'utf8'))
      const configAt = (port: number) => {
        const path = join(world.dir, `${port}.json`)
        const dataDir = join(world.dir, `data-${port}`)
        writeFileSync(path, JSON.stringify({ ...config, dataDir, host, port, ledger: postgres.url }))
        return path
      }
      const urls = [4061, 4062].map((port) => `http://${host}:${port}`) as [string, string]
      const health = (at: string) => fetch(`${at}/healthz`).then(({ status }) => status, String)
      const up = start(programPath, [configAt(4061)])
      await untilUp(up)
      const next = start(programPath, [configAt(4062)])
      await expect.poll(() => health(urls[1]), { timeout: 40_000 }).toBe(503)
      const signed = signedBatch(2)
      const answer = await postBatch(urls[0], signed)
      expect([answer.kind, next.said()]).toEqual(['answered', ''])
      // Its session is gone with the server: it ends, and the other goes on where it was.
      await postgres.kill()
      expect((await up.ended).exitCode).toBe(1)
      await postgres.start()
      await untilUp(next)
      expect(await health(urls[1])).toBe(200)
      expect(await postBatch(urls[1], signed)).toEqual(answer)
      next.child.kill('SIGTERM')
      const { exitCode, stderr } = await next.ended
      expect([exitCode, /ledger-standby: another process signs/.test(stderr)]).toEqual([0, true])
    } finally {
      await postgres.close()
    }
  },
  120_000,
)

test('at first start it says what it needs; a key that is not the operator’s is refused', async () => {
  const bare = await runMyst('--data-dir', 'bare', 'accountant')
  expect(bare.exitCode).toBe(2)
  expect(bare.stderr).toContain('--keystore')
  const other = { ...world.profile, networkId: 'oxford' }
  writeFileSync(join(world.dir, 'other.network.json'), formatNetworkProfile(other))
  const first = ['--network', 'other.network.json', '--keystore', 'operator.json', '--passphrase-file', 'operator.pass']
  const wrong = await runMyst('--data-dir', 'wrong', 'accountant', ...first)
  expect(wrong.exitCode).toBe(1)
  expect(wrong.stderr).toContain('operator-key-wrong')
}, 60_000)

test('with two keys it signs with the one that the contract knows', async () => {
  const made = await runMyst('--data-dir', 'other', 'identity', 'create', '--passphrase-file', 'operator.pass')
  expect(made.exitCode).toBe(0)
  await runMyst('--data-dir', 'other', 'identity', 'export', '--out', 'other.json')
  const config = JSON.parse(readFileSync(join(world.dir, 'data/accountant.json'), 'utf8'))
  const path = join(world.dir, 'two-keys.json')
  const { keyFile, passphraseFile } = config
  const next = { nextKeyFile: keyFile, nextPassphraseFile: passphraseFile }
  writeFileSync(path, JSON.stringify({ ...config, ...next, keyFile: join(world.dir, 'other.json') }))
  const up = start(programPath, [path])
  await untilUp(up)
  up.child.kill('SIGTERM')
  expect((await up.ended).exitCode).toBe(0)
}, 60_000)

/** Of a provider nobody else has; empty, as an answer to it is an answer all the same. */
function signedBatch(number: number) {
  const { accountants } = JSON.parse(readFileSync(join(world.dir, 'oxford.network.json'), 'utf8'))
  const bobKey = new Uint8Array(32).fill(0xb0 + number)
  const batch = {
    provider: crypto.addressOf(bobKey),
    epoch: 1n,
    hashlock: hashlockOf(crypto, new Uint8Array(32).fill(7)),
    previousAmount: 0n,
    items: [],
  }
  const domain = { chainId: world.profile.chainId, verifyingContract: accountants[0].address as Address }
  return signContent(crypto, domain, batchContent, batch, bobKey)
}
