import { describe, expect, test } from 'vitest'
import { formatNetworkProfile, type NetworkProfile, parseNetworkProfile } from './network-profile.ts'

const someAddress = `0x${'ab'.repeat(20)}` as const
const profile: NetworkProfile = {
  networkId: 'testnet',
  chainId: 31_337n,
  rpcUrls: ['http://127.0.0.1:8545'],
  contracts: { token: someAddress, registry: someAddress, channelImplementation: someAddress },
  deployedAtBlock: 0n,
  confirmationDepth: 12,
  accountants: [{ address: someAddress, operator: someAddress, url: 'http://carol.example' }],
  transactorUrls: ['http://tom.example'],
  bootstrap: ['203.0.113.1:4040'],
  stunServers: [],
  exit: { publicRanges: [], publicEndpoints: [] },
  priceScale: 1n,
}
const json = JSON.parse(formatNetworkProfile(profile)) as Record<string, unknown>
const at = (value: unknown) => {
  const verdict = parseNetworkProfile(value)
  return verdict.ok
    ? 'accepted'
    : verdict.refusal.code === 'profile-invalid'
      ? verdict.refusal.at
      : verdict.refusal.code
}

test('comes back from its file', () => {
  expect(parseNetworkProfile(json)).toEqual({ ok: true, value: profile })
})

test('takes numbers for numbers that are small', () => {
  expect(parseNetworkProfile({ ...json, chainId: 31_337, confirmationDepth: 12 })).toEqual({ ok: true, value: profile })
})

test('tolerates what a newer version adds', () => {
  expect(parseNetworkProfile({ ...json, newer: { thing: 1 } })).toEqual({ ok: true, value: profile })
})

test.each(Object.keys(json))('refuses a profile without %s', (name) => {
  const { [name]: _, ...without } = json
  expect(at(without)).toBe(name)
})

describe('refuses', () => {
  const contracts = json.contracts as object
  const rows: [what: string, changes: object, where: string][] = [
    ['an empty name', { networkId: '' }, 'networkId'],
    ['a name that is a number', { networkId: 1 }, 'networkId'],
    ['a chain id in hex', { chainId: '0x1' }, 'chainId'],
    ['a negative chain id', { chainId: '-1' }, 'chainId'],
    ['a chain id with a fraction', { chainId: 1.5 }, 'chainId'],
    ['a chain id of nothing', { chainId: null }, 'chainId'],
    ['no chain', { chainId: 0 }, 'chainId'],
    ['one RPC address that is no list', { rpcUrls: 'http://a' }, 'rpcUrls'],
    ['a list with a number in it', { rpcUrls: ['http://a', 1] }, 'rpcUrls'],
    ['contracts that are missing', { contracts: { ...contracts, token: undefined } }, 'token'],
    ['an address with checksum letters', { contracts: { ...contracts, registry: `0x${'AB'.repeat(20)}` } }, 'registry'],
    ['an address of 19 bytes', { contracts: { ...contracts, registry: `0x${'ab'.repeat(19)}` } }, 'registry'],
    ['a depth of 0: the head block has depth 1', { confirmationDepth: 0 }, 'confirmationDepth'],
    ['a depth beyond every reorg', { confirmationDepth: '100000000000000000000' }, 'confirmationDepth'],
    ['an accountant that is a word', { accountants: ['carol'] }, 'address'],
    ['an accountant that is nothing', { accountants: [null] }, 'address'],
    ['an accountant without an operator', { accountants: [{ address: someAddress, url: 'x' }] }, 'operator'],
    ['exit rules that are a list', { exit: [] }, 'publicRanges'],
    ['a price scale of 0: everything would be free', { priceScale: 0 }, 'priceScale'],
    ['a price scale with a fraction', { priceScale: '0.5' }, 'priceScale'],
  ]
  test.each(rows)('%s', (_, changes, where) => expect(at({ ...json, ...changes })).toBe(where))

  test.each([[null], [undefined], [1], ['{}'], [[]], [true]])('%j', (value) => expect(at(value)).not.toBe('accepted'))
})

describe('lab ranges', () => {
  const ranges = { publicRanges: ['10.0.0.0/8'], publicEndpoints: [] }
  const endpoints = { publicRanges: [], publicEndpoints: ['127.0.0.1:80'] }
  test.each([ranges, endpoints])('are public in the devnet alone: %j', (exit) => {
    expect(at({ ...json, exit })).toBe('profile-private-ranges')
    expect(at({ ...json, networkId: 'devnet', exit })).toBe('accepted')
  })
})
