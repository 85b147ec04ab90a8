/**
 * The transactor on a real chain: it is paid when the transaction succeeds, and only then.
 */

import { mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee, richKeys } from '@myst/devnet'
import {
  type Address,
  channelAddress,
  decodeMessage,
  encodeMessage,
  hashTypedData,
  myst,
  quoteSchema,
  type Registration,
  registrationStruct,
  type TransactorRequest,
  transactorRequestSchema,
  transactorStateSchema,
  zeroAddress,
} from '@myst/protocol'
import { startTransactor, type Transactor } from '@myst/transactor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestChain, type TestChain } from './chain.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.32.1'
let world: TestChain
let transactor: Transactor

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  transactor = await start()
}, 30_000)

afterAll(async () => {
  await transactor?.close()
  await world?.close()
})

const start = () =>
  startTransactor({
    profile: world.profile,
    key: richKeys.transactor,
    mystPerNative: 100n * myst,
    dataDir: `${world.dir}/transactor`,
    host,
    port: 4070,
    log: () => {},
  })

async function quote(): Promise<bigint> {
  const response = await fetch(`${transactor.url}/v1/quotes/register`)
  const decoded = decodeMessage(quoteSchema, new Uint8Array(await response.arrayBuffer()))
  if (!decoded.ok) throw new Error(decoded.refusal.code)
  return decoded.value.fee
}

let people = 1
/** Somebody new, who has paid in. */
async function newcomer(paidIn = myst): Promise<{ key: Uint8Array; identity: Address }> {
  const key = new Uint8Array(32).fill(people++)
  const identity = crypto.addressOf(key)
  if (paidIn > 0n)
    await world.network.faucet(
      channelAddress(crypto, world.network.contracts, identity, world.network.accountant),
      paidIn,
    )
  return { key, identity }
}

function register(key: Uint8Array, change: Partial<Registration> & { fee: bigint }): TransactorRequest {
  const registration: Registration = {
    identity: crypto.addressOf(key),
    accountant: world.network.accountant,
    beneficiary: zeroAddress,
    transactor: transactor.address,
    nonce: 1n,
    deadline: 2n ** 40n,
    ...change,
  }
  const domain = { chainId: world.profile.chainId, verifyingContract: world.profile.contracts.registry }
  const signature = crypto.sign(hashTypedData(crypto, domain, registrationStruct, registration), key)
  return { kind: 'register', registration, signature }
}

async function carry(request: TransactorRequest) {
  const response = await fetch(`${transactor.url}/v1/requests`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: Buffer.from(encodeMessage(transactorRequestSchema, request)),
  })
  if (!response.ok) return { status: response.status, ...((await response.json()) as { code: string }) }
  const decoded = decodeMessage(transactorStateSchema, new Uint8Array(await response.arrayBuffer()))
  if (!decoded.ok) throw new Error(decoded.refusal.code)
  return decoded.value
}

const earned = () =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [transactor.address],
  })

test('registers somebody who owns no gas, and takes the quoted fee from the channel', async () => {
  const { key, identity } = await newcomer()
  const fee = await quote()
  const before = await earned()
  expect(await carry(register(key, { fee }))).toMatchObject({ status: 'mined' })
  expect((await earned()) - before).toBe(fee)
  const channel = channelAddress(crypto, world.network.contracts, identity, world.network.accountant)
  const left = await world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [channel],
  })
  expect(left).toBe(myst - registrationFee - fee)
})

test('the same request sent twice, also at once, has one effect and one answer', async () => {
  const { key } = await newcomer()
  const request = register(key, { fee: await quote() })
  const before = await earned()
  const [first, second] = await Promise.all([carry(request), carry(request)])
  expect(second).toEqual(first)
  expect(await carry(request)).toEqual(first)
  expect((await earned()) - before).toBe((request as { registration: Registration }).registration.fee)
})

test.each([
  ['a fee below the quote', 'fee-too-low', (fee: bigint) => ({ fee: fee / 2n })],
  [
    'a fee for somebody else',
    'fee-for-other',
    (fee: bigint) => ({ fee, transactor: `0x${'77'.repeat(20)}` as Address }),
  ],
  [
    'an accountant it does not know',
    'accountant-unknown',
    (fee: bigint) => ({ fee, accountant: `0x${'88'.repeat(20)}` as Address }),
  ],
])('refuses before anything is sent: %s', async (_name, code, change) => {
  const { key } = await newcomer()
  expect(await carry(register(key, change(await quote())))).toMatchObject({ status: 422, code })
})

test('an empty channel is refused by the simulation, and costs nobody gas', async () => {
  const { key } = await newcomer(0n)
  const gas = () => world.chain.client.rpc.getBalance({ address: transactor.address })
  const before = await gas()
  expect(await carry(register(key, { fee: await quote() }))).toMatchObject({ status: 'refused', code: 'BalanceTooLow' })
  expect(await gas()).toBe(before)
})

test('a foreign signature is refused by the simulation', async () => {
  const { key } = await newcomer()
  const { identity } = await newcomer()
  expect(await carry(register(key, { fee: await quote(), identity }))).toMatchObject({ status: 'refused' })
})

test('bytes that are no request are refused', async () => {
  const response = await fetch(`${transactor.url}/v1/requests`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: Buffer.from('nonsense'),
  })
  expect(response.status).toBe(422)
  expect(await response.json()).toMatchObject({ code: 'request-malformed' })
})

test('a restart remembers what was carried', async () => {
  const { key } = await newcomer()
  const request = register(key, { fee: await quote() })
  const first = await carry(request)
  await transactor.close()
  transactor = await start()
  expect(await carry(request)).toEqual(first)
})
