import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from './run-cli.ts'

const run = promisify(execFile)
const mainPath = join(import.meta.dirname, 'main.ts')
const serverPath = join(import.meta.dirname, '../../node/src/api-server.fixture.ts')

let dir: string
/** Of the node that runs. */
let dataDir: string
let server: ChildProcess

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'myst-cli-'))
  dataDir = join(dir, 'alice')
  await run('mkdir', ['-m', '700', dataDir])
  server = fork(serverPath, [dataDir], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] })
  await once(server.stdout as NodeJS.ReadableStream, 'data')
})

afterAll(async () => {
  server.kill()
  await rm(dir, { recursive: true })
})

interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** In this process, with streams that are read here. */
async function myst(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  const exitCode = await runCli(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    stdin: new PassThrough(),
    env: { MYST_DATA_DIR: dataDir, ...env },
  })
  return { exitCode, stdout, stderr }
}

/** One JSON object, and nothing else. */
async function mystJson(...args: readonly string[]) {
  const { exitCode, stdout } = await myst([...args, '--json'])
  expect(stdout).toMatch(/^\{.*\}\n$/)
  return { exitCode, json: JSON.parse(stdout) }
}

describe('with a node that runs', () => {
  test('status', async () => {
    const { exitCode, json } = await mystJson('status')
    expect(exitCode).toBe(0)
    expect(json).toMatchObject({ networkId: 'devnet', consumer: { left: '1999999999999999999' } })
    const { stdout } = await myst(['status'])
    expect(stdout).toContain('(not registered)')
    expect(stdout).toContain('1.999999 MYST, promised <0.000001 MYST')
  })

  test('topup: the address, what there is, what to do', async () => {
    const channel = `0x${'cc'.repeat(20)}`
    const { stdout } = await myst(['topup'])
    for (const part of [channel, '▀', 'chain 31337', 'there is  2 MYST', 'myst register'])
      expect(stdout).toContain(part)
    expect((await mystJson('topup')).json).toMatchObject({ channel, balance: '2000000000000000000' })
  })

  test('topup --wait: until more has arrived', async () => {
    const waiting = myst(['topup', '--wait', '--no-qr'])
    await new Promise((resolve) => setTimeout(resolve, 300))
    server.send({})
    const { exitCode, stdout } = await waiting
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Arrived: 1 MYST. Next: myst register')])
  })

  test('register', async () => {
    expect((await myst(['register'])).stdout).toContain('0.1 MYST for the registry')
    expect((await mystJson('status')).json.registered).toBe(true)
  })

  test('proposals: the cheapest first, and filtered', async () => {
    const { json } = await mystJson('proposals')
    expect(json.proposals.map(({ country }: { country: string }) => country)).toEqual(['DE', 'NL'])
    expect((await mystJson('proposals', '--country', 'nl', '--service', 'proxy')).json.proposals).toHaveLength(1)
    const { stdout } = await myst(['proposals', '--country', 'NL'])
    expect(stdout.split('\n')).toEqual([
      'country  service  a GiB     an hour       provider',
      `NL       proxy    0.1 MYST  0.00006 MYST  0x${'b0'.repeat(20)}`,
      '',
    ])
    expect((await myst(['proposals', '--country', 'FR'])).stdout).toBe('Nobody offers this now.\n')
  })

  test('connect, status, disconnect', async () => {
    const asked = ['connect', 'nl', '--listen', '[::1]:1080', '--budget', '0.5']
    const { exitCode, json } = await mystJson(...asked)
    expect([exitCode, json.country, json.listening]).toEqual([0, 'NL', { host: '::1', port: 1080 }])
    expect((await myst(['status'])).stdout).toMatch(/c1\s+connected\s+NL 0xb0b0b0…b0b0\s+proxy/)
    const ended = await mystJson('disconnect')
    expect(ended.json.connections.map(({ id }: { id: string }) => id)).toEqual(['c1'])
    expect((await myst(['disconnect'])).stdout).toBe('There was no connection.\n')
  })

  test('connect to a provider', async () => {
    const { json } = await mystJson('connect', `0x${'B0'.repeat(20)}`)
    expect(json.state).toBe('connected')
    expect((await myst(['disconnect', json.id])).stdout).toContain(`Disconnected ${json.id}: 1.0 EiB sent`)
  })

  test('says what it waits for, after a second, on stderr', async () => {
    const { exitCode, stdout, stderr } = await myst(['connect', 'ZZ', '--json'])
    expect(exitCode).toBe(0)
    expect(stderr).toBe('Looking for a provider and connecting …\n')
    expect(JSON.parse(stdout).country).toBe('ZZ')
  })

  test('serve, and no longer', async () => {
    const { json } = await mystJson('serve', 'proxy', 'wireguard', '--country', 'NL', '--price-per-gib', '0.1')
    expect(json.services).toHaveLength(2)
    expect(json.services[0].price).toEqual({ perHour: '0', perGib: '100000000000000000' })
    expect((await mystJson('serve', '--country', 'NL')).json.error.code).toBe('service-already-offered')
    expect((await mystJson('serve', '--stop', 'proxy')).json).toEqual({ stopped: ['proxy'] })
    expect((await mystJson('serve', '--stop')).json).toEqual({ stopped: ['wireguard'] })
  })

  test('a withdrawal under a name: the node hears it', async () => {
    const { json } = await mystJson('withdraw', '--amount', '2', '--key', '2026-11')
    expect(json.error.facts).toEqual({ key: '2026-11' })
    expect((await mystJson('withdraw', '--amount', '2')).json.error.facts).not.toHaveProperty('key')
  })

  test('status --watch: one object a line, until it is interrupted', async () => {
    const watching = spawn(process.execPath, [mainPath, 'status', '--watch', '--json', '--data-dir', dataDir])
    const [first] = await once(watching.stdout.setEncoding('utf8'), 'data')
    expect(JSON.parse(first).networkId).toBe('devnet')
    watching.kill('SIGINT')
    expect(await once(watching, 'exit')).toEqual([0, null])
  })

  test.each([
    ['refused', 1, 'nothing-to-settle', ['settle']],
    ['refused', 1, 'nothing-to-withdraw', ['withdraw', '--amount', '2']],
    ['refused', 1, 'no-provider-found', ['connect', 'XX']],
    ['refused', 1, 'connection-unknown', ['disconnect', 'nope']],
    ['a bug of the node', 1, 'internal', ['connect', 'YY']],
    ['something does not answer', 3, 'accountant-unreachable', ['connect', 'UU']],
  ])('%s: exit code %i, %s', async (_what, exitCode, code, args) => {
    const failed = await mystJson(...args)
    expect([failed.exitCode, failed.json.error.code]).toEqual([exitCode, code])
    const { stdout, stderr } = await myst(args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^myst: [A-Z].*\.\n {6}/)
    expect(stderr).not.toContain('a private detail')
  })
})

describe('without a node', () => {
  const money = ['settle', 'settle --dry-run', 'earnings', 'settlements', 'withdraw', 'leave', 'beneficiary']
  const commands = ['status', 'topup', 'register', 'proposals', 'connect', 'disconnect', 'stop', ...money]
  test.each([...commands, 'serve --country NL', 'serve --stop', 'status --watch'])('%s: exit code 3', async (line) => {
    const { exitCode, json } = await mystJson(...line.split(' '), '--data-dir', join(dir, 'nobody'))
    expect([exitCode, json.error.code]).toEqual([3, 'node-unreachable'])
    expect(json.error.todo).toContain('myst node')
  })
})

describe('used wrongly', () => {
  test.each([
    ['an unknown command', ['conect']],
    ['an unknown option', ['status', '--whatch']],
    ['an option without its value', ['connect', '--budget']],
    ['too many arguments', ['settle', 'all']],
    ['a country that is none', ['connect', 'NLD']],
    ['a provider cut short', ['connect', '0x1234']],
    ['an amount with an exponent', ['connect', '--budget', '1e18']],
    ['a negative amount', ['connect', '--budget', '-1']],
    ['19 decimals', ['connect', '--budget', '0.0000000000000000001']],
    ['more than there can be', ['connect', '--budget', '9'.repeat(60)]],
    ['a port of 65536', ['connect', '--listen', '65536']],
    ['a port of -1', ['connect', '--listen', '-1']],
    ['a name with a space', ['withdraw', '--key', 'in November']],
    ['no country', ['serve']],
    ['an identity subcommand that is none', ['identity', 'steal']],
  ])('%s: exit code 2', async (_what, args) => {
    const { exitCode, json } = await mystJson(...args)
    expect([exitCode, json.error.code]).toEqual([2, 'usage'])
    expect(json.error.message).not.toMatch(/^error/)
  })

  test('a near miss is told what it may have been', async () => {
    expect((await myst(['conect'])).stderr).toContain('Did you mean connect?')
  })

  test('nothing at all: help, on stderr', async () => {
    const { exitCode, stdout, stderr } = await myst([])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: myst')
  })
})

test('every command has help with an example', async () => {
  const { stdout } = await myst(['--help'])
  const names = [...stdout.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== 'help')
  expect(names.length).toBeGreaterThan(12)
  for (const name of names) {
    const help = await myst([name, '--help'])
    expect([name, help.exitCode]).toEqual([name, 0])
    expect(help.stdout).toMatch(new RegExp(`Examples?:\n {2}\\$ myst ${name}`))
    expect(help.stdout).toContain('--data-dir')
  }
})

describe('identities', () => {
  const secret = 'correct horse battery'

  test('made, listed, exported, imported elsewhere; no secret is shown', async () => {
    const passphraseFile = join(dir, 'secret')
    await writeFile(passphraseFile, `${secret}\n`)
    const own = join(dir, 'own')
    const made = await mystJson('identity', 'create', '--passphrase-file', passphraseFile, '-d', own)
    expect(made).toMatchObject({ exitCode: 0, json: { identity: expect.stringMatching(/^0x[0-9a-f]{40}$/) } })
    const { identity } = made.json
    expect((await mystJson('identity', '-d', own)).json).toEqual({ identity })

    const backup = join(dir, 'backup.json')
    expect((await mystJson('identity', 'export', '--out', backup, '-d', own)).json).toEqual({ identity, out: backup })
    expect((await stat(backup)).mode & 0o777).toBe(0o600)
    expect((await readFile(backup, 'utf8')).includes(secret)).toBe(false)

    const other = join(dir, 'other')
    const taken = ['identity', 'import', backup, '--keystore-passphrase-file', passphraseFile, '-d', other]
    const [again, { stdout, stderr }] = await Promise.all([
      mystJson('identity', 'export', '--out', backup, '-d', own),
      myst(taken),
    ])
    expect(again.json.error.code).toBe('file-exists')
    expect(stdout).toContain(identity)
    const passphrase = (await readFile(join(other, 'passphrase'), 'utf8')).trim()
    expect(stderr).toContain(join(other, 'passphrase'))
    expect(stderr).not.toContain(passphrase)

    const [twice, listed] = await Promise.all([mystJson(...taken), mystJson('identity', 'list', '-d', other)])
    expect(twice.json.error.code).toBe('identity-exists')
    expect(listed.json).toEqual({ current: identity, identities: [identity] })
  }, 20_000)

  test('a passphrase is asked for on a terminal, and nowhere else', async () => {
    const { exitCode, json } = await mystJson('identity', 'create', '--ask-passphrase', '-d', join(dir, 'asked'))
    expect([exitCode, json.error.code]).toEqual([1, 'terminal-missing'])
  })

  test('none: says how to make one', async () => {
    const { exitCode, stderr } = await myst(['identity', '-d', join(dir, 'nobody')])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('myst identity create')
  })
})

describe('the node of a data directory', () => {
  test('needs a network at first', async () => {
    const { exitCode, json } = await mystJson('node', '-d', join(dir, 'first'))
    expect([exitCode, json.error.code]).toEqual([2, 'network-missing'])
  })

  test('ends as its program ends', async () => {
    const profile = join(dir, 'profile.json')
    await writeFile(profile, '{}')
    const own = join(dir, 'second')
    const failed = await run(process.execPath, [mainPath, 'node', '--network', profile, '-d', own]).catch(
      (error) => error,
    )
    expect(failed.code).toBe(2)
    expect(failed.stderr).toMatch(/profile-invalid: .*network\.json is no network profile: contracts does not fit/)
    await writeFile(profile, '{"other":true}')
    const { exitCode, json } = await mystJson('node', '--network', profile, '-d', own)
    expect([exitCode, json.error.code]).toEqual([1, 'network-other'])
  })
})

test('stop: waits until the node has gone', async () => {
  expect(await myst(['stop'])).toMatchObject({ exitCode: 0, stdout: 'The node has stopped.\n' })
  expect((await mystJson('status')).json.error.code).toBe('node-unreachable')
})
