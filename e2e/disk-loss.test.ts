/**
 * A disk is lost and the key is kept: what the node knew comes back signed, to the wei, and on nobody's word.
 */

import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { paymentPolicy } from '@myst/billing'
import { loadNativeCrypto } from '@myst/crypto-native'
import { browse, type Devnet, openForBusiness, type Person, startDevnet, until } from '@myst/devnet'
import { afterAll, beforeAll, expect, test } from 'vitest'

const crypto = await loadNativeCrypto()
const quiet = () => {}
let devnet: Devnet

beforeAll(async () => {
  devnet = await startDevnet(crypto, { places: 'loopback', say: quiet })
  await openForBusiness(devnet, quiet)
}, 90_000)

afterAll(() => devnet?.close(), 60_000)

async function kill(child: Person['running']['child']) {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** All but its key and its passphrase. */
async function loseDisk({ dataDir }: Person) {
  for (const suffix of ['', '-wal', '-shm']) await rm(`${dataDir}/node.db${suffix}`, { force: true })
}

/** She downloads something from him, pays, and he has exchanged all of it. */
async function trade(alice: Person, bob: Person, bytes = 5_000_000) {
  const { connectionId } = await browse(devnet, alice, { serviceType: 'proxy', provider: bob, bytes }, quiet)
  await alice.api.disconnect({ id: connectionId })
  return until(
    async () => (await bob.api.status()).provider,
    ({ inFlight }) => inFlight === '0',
  )
}

test('a provider without its disk knows what it earned, and settles it', async () => {
  const { alice, bob } = devnet.people
  // Earns more than twice what a settlement costs.
  const before = await trade(alice, bob, 32_000_000)
  expect(BigInt(before.credited)).toBeGreaterThan(0n)
  await kill(bob.running.child)
  await loseDisk(bob)
  await devnet.restart('bob')
  await bob.api.serve({ serviceType: 'proxy', country: 'NL' })
  expect((await bob.api.status()).provider.credited).toBe(before.credited)
  const { paid } = await bob.api.settle()
  expect(paid).toBe(before.credited)
  const after = await trade(alice, bob)
  expect(BigInt(after.credited)).toBeGreaterThan(BigInt(before.credited))
  expect(after.settled).toBe(before.credited)
}, 90_000)

test('a consumer without its disk asks before it promises, and goes on above what she had signed', async () => {
  const { alice, bob } = devnet.people
  const earned = BigInt((await bob.api.status()).provider.credited)
  const { consumer: before } = await alice.api.status()
  await kill(alice.running.child)
  await loseDisk(alice)
  await devnet.restart('alice')
  await kill(devnet.hub().child)
  // Only the accountant can know what she has promised, so without it nothing is.
  await expect(alice.api.connect({ serviceType: 'proxy', provider: bob.identity })).rejects.toMatchObject({
    code: 'accountant-unreachable',
  })
  await devnet.restart('accountant')
  const after = await trade(alice, bob)
  const { consumer } = await alice.api.status()
  const { restoreJump } = paymentPolicy(devnet.profile.priceScale)
  const cost = BigInt(consumer.spent) - BigInt(before.spent) - restoreJump
  expect(cost).toBeGreaterThan(0n)
  // What she paid him is what he got, less the accountant's 5 %: the jump went to nobody.
  const got = BigInt(after.credited) - earned
  expect(got).toBeGreaterThanOrEqual((cost * 95n) / 100n)
  expect(got).toBeLessThanOrEqual((cost * 95n) / 100n + 5n)
}, 90_000)
