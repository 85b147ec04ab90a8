import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { paymentPolicy } from '@myst/billing'
import { formatNetworkProfile, myst, type NetworkProfile } from '@myst/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readNodeConfig } from './node-config.ts'
import { findPassphrase, type PassphraseSource } from './passphrase.ts'

const address = `0x${'aa'.repeat(20)}` as const
const profile: NetworkProfile = {
  networkId: 'devnet',
  chainId: 31_337n,
  rpcUrls: ['http://127.0.0.1:8545'],
  contracts: { token: address, registry: address, channelImplementation: address },
  deployedAtBlock: 0n,
  confirmationDepth: 1,
  accountants: [{ address, operator: address, url: 'http://127.0.0.1:4060' }],
  transactorUrls: ['http://127.0.0.1:4070'],
  bootstrap: ['127.0.0.1:4040'],
  stunServers: [],
  exit: { publicRanges: [], publicEndpoints: [] },
  priceScale: 20n,
}
let dir: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'myst-config-'))
  await writeFile(join(dir, 'network.json'), formatNetworkProfile(profile))
})
afterAll(() => rm(dir, { recursive: true }))

const least = { profile: 'network.json', dataDir: 'data' }
async function read(config: unknown) {
  const path = join(dir, 'node.json')
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config))
  return readNodeConfig(path)
}

test('reads the least there must be; paths are relative to the file', async () => {
  expect(await read(least)).toEqual({
    profile,
    dataDir: join(dir, 'data'),
    drivers: ['proxy'],
    wireguard: {},
    policy: {},
    spending: {},
    settlement: {},
    serve: [],
  })
})

test('reads all there can be', async () => {
  const config = await read({
    ...least,
    passphraseFile: '/secret/passphrase',
    bind: { host: '127.0.5.1', port: 0 },
    api: {},
    drivers: ['proxy', 'wireguard'],
    wireguard: { defaultRoute: false, sessions: '10.7.0.0/16' },
    policy: { minInvoiceMs: 1000, dueAmount: '7' },
    spending: { perSession: '5', perDay: String(myst) },
    serve: [{ serviceType: 'proxy', country: 'NL', price: { perHour: '0', perGib: '5' } }],
    stun: { host: '0.0.0.0', port: 3478 },
  })
  expect(config).toMatchObject({
    passphraseFile: '/secret/passphrase',
    bind: { host: '127.0.5.1', port: 0 },
    api: { host: '127.0.0.1', port: 4050 },
    wireguard: { defaultRoute: false, sessions: '10.7.0.0/16' },
    policy: { minInvoiceMs: 1000, dueAmount: 7n },
    spending: { perSession: 5n, perDay: myst },
    serve: [{ serviceType: 'proxy', country: 'NL', price: { perHour: 0n, perGib: 5n } }],
    stun: { host: '0.0.0.0', port: 3478 },
  })
})

test('reads what is said about settling, and nothing else', async () => {
  const beneficiary = `0x${'da'.repeat(20)}`
  const settlement = { automatic: false, always: '7', cheapPercent: 3, maxAgeHours: 24, beneficiary }
  expect((await read({ ...least, settlement })).settlement).toEqual({
    automatic: false,
    always: 7n,
    cheapPercent: 3n,
    maxAgeMs: 86_400_000,
    beneficiary,
  })
  await expect(read({ ...least, settlement: { maxAge: 1 } })).rejects.toThrow(/\/settlement\/maxAge/)
})

test('fills a group of the policy up with the network’s defaults', async () => {
  const { policy } = await read({ ...least, policy: { pace: { maxInvoiceAmount: String(myst) } } })
  expect(policy.pace).toEqual({ ...paymentPolicy(20n).pace, maxInvoiceAmount: myst })
})

test('takes a byte order mark and foreign line ends', async () => {
  expect((await read(`\uFEFF${JSON.stringify(least, undefined, 2).replaceAll('\n', '\r\n')}`)).drivers).toEqual([
    'proxy',
  ])
})

const refusals: readonly (readonly [what: string, code: string, says: RegExp, config: unknown])[] = [
  ['an empty file', 'config-unreadable', /JSON/, ''],
  ['a file cut short', 'config-unreadable', /JSON/, '{"profile":'],
  ['a file of a megabyte', 'config-unreadable', /larger/, ' '.repeat(1_000_000)],
  ['a list', 'config-invalid', /the file/, []],
  ['no data directory', 'config-invalid', /dataDir/, { profile: 'network.json' }],
  [
    'a misspelt setting, naming those there are',
    'config-invalid',
    /at=\/datadir why=is no setting; there are profile, /,
    { ...least, datadir: 'x' },
  ],
  [
    'a misspelt limit inside',
    'config-invalid',
    /\/policy\/exposurelimit/,
    { ...least, policy: { exposurelimit: '1' } },
  ],
  ['an amount as a number', 'config-invalid', /\/policy\/dueAmount/, { ...least, policy: { dueAmount: 1 } }],
  ['a port of 70000', 'config-invalid', /\/bind\/port/, { ...least, bind: { host: '127.0.0.1', port: 70_000 } }],
  ['a driver that is none', 'config-invalid', /\/drivers/, { ...least, drivers: ['openvpn'] }],
  ['a profile that is not there', 'config-unreadable', /ENOENT/, { ...least, profile: 'none.json' }],
  ['a profile that is none', 'profile-invalid', /contracts/, { ...least, profile: 'node.json' }],
  ['a directory for a profile', 'config-unreadable', /EISDIR/, { ...least, profile: '.' }],
]

test.each(refusals)('refuses: %s', async (_what, code, says, config) => {
  const fault = await read(config).catch((error: Error) => error)
  expect(fault).toMatchObject({ code })
  expect((fault as Error).message).toMatch(says)
})

describe('the passphrase', () => {
  const source = (fields: Partial<PassphraseSource>): PassphraseSource => ({
    dataDir: dir,
    mayMake: false,
    log: () => {},
    ...fields,
  })

  test('of a file goes before that of the environment', async () => {
    const passphraseFile = join(dir, 'given')
    await writeFile(passphraseFile, 'correct horse\n')
    expect(await findPassphrase(source({ passphraseFile, fromEnvironment: 'other' }))).toBe('correct horse')
    expect(await findPassphrase(source({ fromEnvironment: 'other' }))).toBe('other')
  })

  test('is made only for a new identity, said aloud, and found again', async () => {
    await expect(findPassphrase(source({}))).rejects.toMatchObject({ code: 'passphrase-missing' })
    const said: string[] = []
    const made = await findPassphrase(source({ mayMake: true, log: (line) => said.push(line) }))
    expect(said.join()).toContain(join(dir, 'passphrase'))
    expect(said.join()).not.toContain(made)
    expect(await findPassphrase(source({}))).toBe(made)
  })

  test.each([
    ['empty', ''],
    ['of two lines', 'a\nb'],
    ['with a zero byte', 'a\0b'],
    ['of a megabyte', 'a'.repeat(1_000_000)],
  ])('is not %s', async (_what, fromEnvironment) => {
    await expect(findPassphrase(source({ fromEnvironment }))).rejects.toMatchObject({ code: 'passphrase-invalid' })
  })
})
