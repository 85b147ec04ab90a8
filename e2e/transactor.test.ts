/**
 * The transactor on a real chain: it is paid when the transaction succeeds, and only then.
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import { registrationFee } from '@myst/devnet'
import { type Address, myst, type Registration } from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTransactorWorld, type TransactorWorld } from './transactor.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.32.1'
let here: TransactorWorld

beforeAll(async () => {
  here = await openTransactorWorld(crypto, host)
}, 30_000)

afterAll(() => here?.close())

const fee = async () => (await here.quote()).fee
const earned = () => here.balanceOf(here.transactor().address)
const gas = () => here.world.chain.client.rpc.getBalance({ address: here.transactor().address })

test('registers somebody who owns no gas, and takes the quoted fee from the channel', async () => {
  const person = await here.newcomer()
  const quoted = await fee()
  const before = await earned()
  expect(await here.carry(here.register(person, quoted))).toMatchObject({ status: 'mined' })
  expect((await earned()) - before).toBe(quoted)
  expect(await here.balanceOf(person.channel)).toBe(myst - registrationFee - quoted)
})

test('the same request sent twice, also at once, has one effect and one answer', async () => {
  const request = here.register(await here.newcomer(), await fee())
  const before = await earned()
  const [first, second] = await Promise.all([here.carry(request), here.carry(request)])
  expect(second).toEqual(first)
  expect(await here.carry(request)).toEqual(first)
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
  ['a deadline that is over', 'deadline-passed', (fee: bigint) => ({ fee, deadline: 1n })],
])('refuses before anything is sent: %s', async (_name, code, change) => {
  const quoted = await fee()
  expect(await here.carry(here.register(await here.newcomer(), quoted, change(quoted)))).toMatchObject({
    http: 422,
    code,
  })
})

test('a foreign signature is refused without asking the chain', async () => {
  const quoted = await fee()
  const [mallory, alice] = [await here.newcomer(), await here.newcomer()]
  const request = here.register(mallory, quoted, { identity: alice.identity })
  expect(await here.carry(request)).toMatchObject({ http: 422, code: 'wrong-signer' })
})

test('an empty channel is refused by the simulation, and costs nobody gas', async () => {
  const person = await here.newcomer(0n)
  const before = await gas()
  const answer = await here.carry(here.register(person, await fee()))
  expect(answer).toMatchObject({ status: 'refused', code: 'BalanceTooLow' })
  expect(await gas()).toBe(before)
})

test('bytes that are no request are refused', async () => {
  const response = await fetch(`${here.transactor().url}/v1/requests`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor' },
    body: Buffer.from('nonsense'),
  })
  expect(response.status).toBe(422)
  expect(await response.json()).toMatchObject({ code: 'request-malformed' })
})

test('a restart remembers what was carried', async () => {
  const request = here.register(await here.newcomer(), await fee())
  const first = await here.carry(request)
  await here.restart()
  expect(await here.carry(request)).toEqual(first)
})
