/**
 * `myst contracts`, as a founder runs it: the commands of the documentation, refusals before anything is sent, and a run
 * that is killed. What it does on chain: `deployment.test.ts`.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { runCli } from '@myst/cli'
import { loadNativeCrypto } from '@myst/crypto-native'
import { type Address, parseNetworkProfile, toHex } from '@myst/protocol'
import { encryptKey } from '@myst/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FounderChain, openFounderChain } from './deployment.fixture.ts'

const crypto = await loadNativeCrypto()
const mainPath = fileURLToPath(new URL('../packages/cli/src/main.ts', import.meta.url))
const page = readFileSync(new URL('../docs/operating/network.md', import.meta.url), 'utf8')
const secret = 'correct horse battery'

let chain: FounderChain
beforeAll(async () => {
  chain = await openFounderChain(crypto, '127.0.0.64')
})
afterAll(() => chain.close())

interface Running {
  readonly child: ChildProcess
  said(): string
  readonly ended: Promise<{ exitCode: number | null; stdout: string; stderr: string }>
}

function start(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [mainPath, ...args], {
    cwd: chain.dir,
    env: { ...process.env, MYST_DATA_DIR: join(chain.dir, 'data'), MYST_PASSPHRASE: secret, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Awaited<Running['ended']>>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
  })
  return { child, said: () => stderr, ended }
}

const myst = (args: readonly string[], env?: Record<string, string>) => start(args, env).ended

/** scrypt at its strongest takes a second, and is tested elsewhere. */
const quickScryptN = 2 ** 10

async function founderFile(name: string, balance?: bigint): Promise<{ keystore: string; address: Address }> {
  const { key, address } = await chain.founder(balance)
  writeFileSync(join(chain.dir, name), await encryptKey(crypto, key, secret, quickScryptN))
  return { keystore: name, address }
}

const deployArgs = (networkId: string, ...more: readonly string[]) => {
  const named = ['--rpc', chain.rpcUrl, '--network-id', networkId, '--test-token']
  return ['contracts', 'deploy', ...named, ...more]
}
const profileOf = (networkId: string) => {
  const parsed = parseNetworkProfile(JSON.parse(readFileSync(join(chain.dir, `${networkId}.network.json`), 'utf8')))
  if (!parsed.ok) throw new Error(parsed.refusal.code)
  return parsed.value
}
const sentBy = (address: Address, blockTag: 'latest' | 'pending' = 'latest') =>
  chain.client.rpc.getTransactionCount({ address, blockTag })

test('the commands of docs/operating/network.md, in their order', async () => {
  const commands = [...page.matchAll(/```sh\n([^`]*)```/g)].flatMap(([, lines = '']) => lines.trim().split('\n'))
  expect(commands).toHaveLength(4)
  const outputs: string[] = []
  for (const command of commands) {
    const [program, ...args] = command.replaceAll('http://127.0.0.1:8545', chain.rpcUrl).split(' ')
    expect(program).toBe('myst')
    const { exitCode, stdout, stderr } = await myst(args)
    expect([command, exitCode, stderr]).toEqual([command, 0, expect.any(String)])
    expect(stderr + stdout).not.toContain(secret)
    const [identity] = /0x[0-9a-f]{40}/.exec(stdout) ?? []
    if (command === 'myst identity create')
      await chain.ask('anvil_setBalance', identity, toHex(new Uint8Array(8).fill(1)))
    outputs.push(stdout)
  }
  const [, plan = '', deployed = '', verified = ''] = outputs
  const profile = profileOf('oxford')
  expect(profile).toMatchObject({ networkId: 'oxford', chainId: 31_337n, rpcUrls: [chain.rpcUrl], accountants: [] })
  for (const address of [profile.contracts.token, profile.contracts.registry]) expect(plan).toContain(address)
  expect(plan).toContain('Nothing was sent.')
  expect(deployed).toContain(`since block ${profile.deployedAtBlock}; its code and terms are verified.`)
  expect(verified).toMatch(/exit delay +4 days\nrate notice +7 days\nrotation notice +14 days\nclosing delay +60 days/)
  expect(verified).toContain('Ask a node that you trust: --rpc')
  expect(page).toContain('| `--exit-delay` | 4d;')
}, 60_000)

test('--json: one object; what the founder has added to the profile stays', async () => {
  const { keystore, address } = await founderFile('json.json')
  const args = deployArgs('leiden', '--keystore', keystore, '--chain-id', '31337', '--yes', '--json')
  const first = await myst(args)
  expect(first.exitCode).toBe(0)
  const answer = JSON.parse(first.stdout)
  expect(answer).toMatchObject({ deployer: address, profile: { path: 'leiden.network.json', kept: false } })
  expect(answer.transactions.map(({ step }: { step: string }) => step)).toEqual(['token', 'registry'])

  const path = join(chain.dir, 'leiden.network.json')
  const edited = readFileSync(path, 'utf8').replace(
    '"transactorUrls": []',
    '"transactorUrls": ["http://127.0.0.1:4070"]',
  )
  writeFileSync(path, edited)
  const again = JSON.parse((await myst(args, { MYST_PASSPHRASE: 'not needed any more' })).stdout)
  expect(again).toMatchObject({
    needed: '0',
    transactions: [],
    profile: { kept: true },
    deployedAtBlock: answer.deployedAtBlock,
  })
  expect(readFileSync(path, 'utf8')).toBe(edited)
  expect(await sentBy(address)).toBe(2)
})

test('verify: a name that moves the terminal is no name; a node of one’s own is asked', async () => {
  const path = join(chain.dir, 'loud.json')
  const text = readFileSync(join(chain.dir, 'oxford.network.json'), 'utf8')
  writeFileSync(path, text.replace('"oxford"', '"\\u001b[2Joxford"'))
  const [loud, own] = await Promise.all([
    myst(['contracts', 'verify', '--network', path]),
    myst(['contracts', 'verify', '--network', 'oxford.network.json', '--rpc', chain.rpcUrl, '--json']),
  ])
  expect([loud.exitCode, loud.stdout]).toEqual([2, ''])
  expect(loud.stderr).toContain('networkId does not fit')
  expect(JSON.parse(own.stdout)).toMatchObject({
    networkId: 'oxford',
    asked: { rpcUrl: chain.rpcUrl, fromProfile: false },
  })
})

describe('refused before anything is sent', () => {
  let keystore: string
  let address: Address
  const at = (name: string) => join(chain.dir, name)
  beforeAll(async () => {
    const founder = await founderFile('refused.json')
    address = founder.address
    keystore = at(founder.keystore)
    await founderFile('poor.json', 1n)
    writeFileSync(at('taken.json'), '{"networkId":"other"}\n')
  })

  /** In this process; the program behind it is one of its own all the same. */
  async function here(more: readonly string[], passphrase = secret) {
    let [stdout, stderr] = ['', '']
    const args = deployArgs('refused', '--keystore', keystore, '--out', at('refused.network.json'), ...more)
    const exitCode = await runCli(args, {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      stdin: new PassThrough(),
      env: { MYST_DATA_DIR: at('data'), MYST_PASSPHRASE: passphrase },
    })
    expect(await sentBy(address)).toBe(0)
    return { exitCode, stdout, stderr }
  }

  test.concurrent.each([
    ['another chain', 1, 'chain-wrong-id', () => ['--yes', '--chain-id', '137']],
    ['a poor key', 1, 'deployer-underfunded', () => ['--yes', '--chain-id', '31337', '--keystore', at('poor.json')]],
    ['a file in place of the profile', 1, 'profile-other', () => ['--dry-run', '--out', at('taken.json')]],
    ['a folder that is not there', 1, 'file-unwritable', () => ['--dry-run', '--out', at('nowhere/profile.json')]],
    ['a delay above ten years', 2, 'terms-out-of-range', () => ['--dry-run', '--closing-delay', '3651d']],
    ['two tokens', 2, 'usage', () => ['--dry-run', '--token-supply', '1000']],
    ['no chain named', 2, 'usage', () => ['--yes']],
    ['nobody to ask', 2, 'confirmation-missing', () => ['--chain-id', '31337']],
    ['a dead node', 3, 'chain-unreachable', () => ['--dry-run', '--rpc', 'http://127.0.0.64:1']],
  ] as const)('%s: exit code %i, %s', async (_what, exitCode, code, more) => {
    const ran = await here([...more(), '--json'])
    expect([ran.exitCode, JSON.parse(ran.stdout).error.code]).toEqual([exitCode, code])
  })

  test('a wrong passphrase', async () => {
    const { exitCode, stderr } = await here(['--yes', '--chain-id', '31337'], 'wrong')
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('The passphrase does not open this file.')])
  })

  test('an address that may carry a key stays out of the profile, and short delays are pointed out', async () => {
    const { exitCode, stdout } = await here(['--dry-run', '--rpc', `${chain.rpcUrl}/?key=1`, '--exit-delay', '1h'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('The profile will name no blockchain node')
    expect(stdout).toContain('Shorter than usual: exit delay.')
  })
})

/** The program behind the command. */
function childOf({ pid }: ChildProcess): number | undefined {
  if (process.platform !== 'linux') return undefined
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('killed, interrupted, run again: two transactions, the same addresses, no half profile', async () => {
  const { keystore, address } = await founderFile('killed.json')
  const args = deployArgs('delft', '--keystore', keystore, '--chain-id', '31337', '--yes')
  let shown = ''
  await chain.holdMining()
  try {
    const killed = start(args)
    await expect.poll(() => sentBy(address, 'pending'), { timeout: 20_000 }).toBe(1)
    const program = childOf(killed.child)
    killed.child.kill('SIGKILL')
    shown = (await killed.ended).stderr

    if (program !== undefined) await expect.poll(() => lives(program)).toBe(false)

    const interrupted = start(args)
    const waiting = 'Waiting for an earlier transaction of this key, number 0 …'
    await expect.poll(interrupted.said, { timeout: 20_000 }).toContain(waiting)
    interrupted.child.kill('SIGINT')
    const { exitCode, stderr } = await interrupted.ended
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('goes on where the chain stands')])
    expect(readdirSync(chain.dir).filter((name) => name.includes('delft'))).toEqual([])
  } finally {
    await chain.resumeMining()
  }
  const { exitCode } = await myst(args)
  expect(exitCode).toBe(0)
  expect(await sentBy(address)).toBe(2)
  const { token, registry } = profileOf('delft').contracts
  for (const planned of [token, registry]) expect(shown).toContain(planned)
}, 60_000)
