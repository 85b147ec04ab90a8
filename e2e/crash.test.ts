/**
 * kill -9 in the middle of the story: after a restart nobody has lost or gained a wei beyond `payments.md` §11.
 *
 * What a provider can lose is traffic that it forwarded and never invoiced; no promise and no credit is ever lost. So the
 * books must balance exactly: spent = credited + fees, with nothing in flight at the end.
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import {
  browse,
  type Devnet,
  download,
  openForBusiness,
  readBooks,
  startDevnet,
  type TopUps,
  until,
} from '@myst/devnet'
import { afterAll, beforeAll, expect, test } from 'vitest'

const crypto = await loadNativeCrypto()
const quiet = () => {}
let devnet: Devnet
let topUps: TopUps

beforeAll(async () => {
  devnet = await startDevnet(crypto, { places: 'loopback', say: quiet })
  topUps = await openForBusiness(devnet, quiet)
}, 90_000)

afterAll(() => devnet?.close(), 60_000)

const megabytes = (count: number) => count * 1_000_000
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function kill(child: { kill(signal: 'SIGKILL'): boolean; once(event: 'exit', listener: () => void): unknown }) {
  const gone = new Promise<void>((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

/** Everything promised is exchanged, and every figure agrees with the chain. */
async function expectBalanced() {
  const books = await until(
    () => readBooks(crypto, devnet, topUps),
    ({ inFlight, imbalances }) => inFlight === 0n && imbalances.length === 0,
  )
  expect(books.imbalances).toEqual([])
  expect(books.inFlight).toBe(0n)
  return books
}

test('an accountant that is killed and restarted has lost no answered batch and credits none twice', async () => {
  const { alice, bob } = devnet.people
  const before = await readBooks(crypto, devnet, topUps)
  const browsing = browse(devnet, alice, { serviceType: 'proxy', provider: bob, bytes: megabytes(40) }, quiet)
  await wait(4000)
  await kill(devnet.hub().child)
  await wait(1500)
  await devnet.restart('accountant')
  const { connectionId, bytes } = await browsing
  await alice.api.disconnect({ id: connectionId })
  expect(bytes).toBe(megabytes(40))
  const books = await expectBalanced()
  expect(books.spent).toBeGreaterThan(before.spent)
}, 90_000)

test('a provider that is killed in mid-session is paid for all that was promised', async () => {
  const { alice, bob } = devnet.people
  const connection = await alice.api.connect({ serviceType: 'proxy', provider: bob.identity })
  const cut = download(devnet, alice, megabytes(40), connection.listening).catch(() => 'cut')
  await wait(4000)
  await kill(bob.running.child)
  await devnet.restart('bob')
  await bob.api.serve({ serviceType: 'proxy', country: 'NL' })
  expect(await cut).toBe('cut')
  // The consumer dials again by itself, repeats what it has on record, and goes on.
  const again = await until(
    async () => (await alice.api.connections()).connections.find(({ id }) => id === connection.id),
    (found) => found?.state === 'connected' && found.promises > connection.promises,
  )
  expect(again?.state).toBe('connected')
  expect(await download(devnet, alice, megabytes(5), again?.listening)).toBe(megabytes(5))
  await alice.api.disconnect({ id: connection.id })
  await expectBalanced()
}, 90_000)

test('a consumer that is killed in mid-session repeats its promise and pays nothing twice', async () => {
  const { alice, bob } = devnet.people
  const connection = await alice.api.connect({ serviceType: 'proxy', provider: bob.identity })
  const cut = download(devnet, alice, megabytes(40), connection.listening).catch(() => 'cut')
  await wait(4000)
  const { consumer: before } = await alice.api.status()
  await kill(alice.running.child)
  expect(await cut).toBe('cut')
  await devnet.restart('alice')
  const { consumer: after } = await alice.api.status()
  // Durable before it was sent: at most what was promised between the look and the kill is added.
  expect(BigInt(after.spent)).toBeGreaterThanOrEqual(BigInt(before.spent))
  const { connectionId } = await browse(
    devnet,
    alice,
    { serviceType: 'proxy', provider: bob, bytes: megabytes(5) },
    quiet,
  )
  await alice.api.disconnect({ id: connectionId })
  await expectBalanced()
}, 90_000)
