/**
 * The accountant's money on a real chain: it warns before a punishment can start and says what avoids it, keeps guarantees
 * funded, and pays on schedule what a settlement in flight is not paid twice for.
 */

import { deriveKeys, systemClock } from '@myst/billing'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import { createPayouts } from '@myst/node'
import { decodeMessage, myst, type PayoutStanding, payoutStandingSchema } from '@myst/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MoneyWorld, openMoneyWorld, type Pair } from './money.fixture.ts'
import type { Started } from './program.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.43.1'
const soon = { timeout: 15_000, interval: 100 }
/** What is left of an amount after the accountant's 5 %. */
const net = (amount: bigint) => (amount * 95n) / 100n
let here: MoneyWorld
let carol: Started

beforeAll(async () => {
  here = await openMoneyWorld(crypto, host)
  // On its contract are 1000 MYST besides the operator's stake.
  carol = await here.startUp()
}, 60_000)
afterAll(() => here?.close())

async function restart(more: object = {}): Promise<void> {
  carol.child.kill('SIGTERM')
  expect((await carol.ended).exitCode).toBe(0)
  carol = await here.startUp(more)
}

/** Undefined just after a start. */
const alarms = async () => (await here.solvency()).alarms?.map(({ code }) => code)
const alarmOf = async (code: string) => (await here.solvency()).alarms.find((alarm) => alarm.code === code)
/** The largest sum of MYST that an alarm in force asks for: it ends all of them. */
async function askedFor(): Promise<bigint> {
  const asked = (await here.solvency()).alarms.flatMap(({ send }) =>
    send?.coin === 'MYST' ? [BigInt(send.amount)] : [],
  )
  return asked.reduce((most, amount) => (amount > most ? amount : most), 0n)
}

async function standingOf(pair: Pair): Promise<PayoutStanding> {
  const standing = decodeMessage(payoutStandingSchema, (await here.ask(pair, 'GET', '/v1/providers/me/payout')).body)
  if (!standing.ok) throw new Error(standing.refusal.code)
  return standing.value
}

test('figures of chain and ledger add up, of one block, and the page says the same', async () => {
  const pair = await here.newPair(20n * myst)
  await here.credit(pair, 4n * myst)
  await here.credit(pair, 2n * myst)
  await expect
    .poll(() => here.solvency(), soon)
    .toMatchObject({
      solvent: true,
      providers: { promised: String(net(6n * myst)), settled: '0', unsettled: String(net(6n * myst)) },
      channels: {
        credited: String(6n * myst),
        collected: String(4n * myst),
        open: String(2n * myst),
        collectable: '0',
      },
      cover: { freeFunds: String(1004n * myst), guarantees: '0', open: String(2n * myst) },
      alarms: [],
    })
  await here.settle(pair)
  await expect
    .poll(() => here.solvency(), soon)
    .toMatchObject({
      providers: { settled: String(net(6n * myst)), unsettled: '0' },
      channels: { collected: String(6n * myst), open: '0' },
    })
  const told = await here.solvency()
  const { hash } = await here.world.chain.client.rpc.getBlock({ blockNumber: BigInt(told.block.number) })
  expect(told.block.hash).toBe(hash)
  const page = await fetch(`${here.url()}/solvency`)
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const html = await page.text()
  for (const words of ['Covered: all that is owed is there.', 'title="5.7 MYST"', here.world.network.accountant]) {
    expect(html).toContain(words)
  }
  expect(html).not.toMatch(/<script|src=|https?:/)
  expect(await (await fetch(`${here.url()}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0' })
})

test('a settlement whose block is taken back counts as never made', async () => {
  const bob = await here.newPair(20n * myst)
  await here.credit(bob, 4n * myst)
  const settled = async () => (await here.solvency()).providers?.settled
  const before = String(net(6n * myst))
  await expect.poll(settled, soon).toBe(before)
  const snapshot = await here.node('evm_snapshot')
  await here.settle(bob)
  await expect.poll(settled, soon).toBe(String(net(10n * myst)))
  await expect.poll(async () => (await here.solvency()).channels?.open, soon).toBe('0')
  await here.node('evm_revert', snapshot)
  await expect.poll(settled, soon).toBe(before)
  // Its preimage was seen by everybody all the same, and Alice's promise is collected.
  await expect
    .poll(async () => (await here.solvency()).channels, soon)
    .toMatchObject({ collected: String(10n * myst), open: '0' })
  await here.settle(bob)
  await expect.poll(settled, soon).toBe(String(net(10n * myst)))
})

test('before one settlement can start a punishment it says how much MYST avoids that, and it does', async () => {
  // Dave's stake and guarantee leave about 100 MYST spare.
  const dave = await here.newPair(1000n * myst)
  await here.stake(dave, 900n * myst)
  const bob = await here.newPair(400n * myst)
  await here.credit(bob, 200n * myst)
  await expect.poll(alarms, soon).toContain('settlement-uncovered')
  expect(await here.punishedSince()).toBe(0n)
  const alarm = await alarmOf('settlement-uncovered')
  const { contract } = await here.solvency()
  expect(alarm).toMatchObject({ send: { amount: String(net(200n * myst) - BigInt(contract.spare)), coin: 'MYST' } })
  expect(alarm?.message).toContain(`MYST to ${here.world.network.accountant}`)
  const metrics = await (await fetch(`${here.url()}/metrics`)).text()
  expect(metrics).toMatch(/^accountant_alarm\{alarm="settlement-uncovered"\} 1$/m)
  expect(metrics).toMatch(/^accountant_alarm\{alarm="in-punishment"\} 0$/m)

  await here.world.network.faucet(here.world.network.accountant, await askedFor())
  await expect.poll(alarms, soon).toEqual([])
  await here.settle(bob)
  expect(await here.punishedSince()).toBe(0n)
  expect(await here.balanceOf(bob.bob)).toBe(net(200n * myst))

  // Without it a settlement does start one; what the alarm then asks for ends it, and refills the guarantee.
  await here.credit(dave, 800n * myst)
  await expect.poll(alarms, soon).toContain('settlement-uncovered')
  await here.node('anvil_setBalance', crypto.addressOf(richKeys.operator), '0x0')
  await here.settle(dave)
  await expect.poll(alarms, soon).toEqual(expect.arrayContaining(['in-punishment', 'gas-low']))
  expect(await here.punishedSince()).not.toBe(0n)
  expect((await here.providerOf(dave)).guarantee).toBeLessThan(900n * myst)
  await here.node('anvil_setBalance', crypto.addressOf(richKeys.operator), '0x21e19e0c9bab2400000')
  await here.world.network.faucet(here.world.network.accountant, await askedFor())
  await expect.poll(alarms, { ...soon, timeout: 30_000 }).toEqual([])
  expect(await here.punishedSince()).toBe(0n)
  await expect.poll(async () => (await here.providerOf(dave)).guarantee, soon).toBe(900n * myst)
}, 120_000)

test('what consumers owe is brought home before anybody must send money', async () => {
  // Left alone, the collector would wait for more, or for a day.
  await restart({ collectFrom: String(2000n * myst) })
  const bob = await here.newPair(2000n * myst)
  await here.credit(bob, 1500n * myst)
  await expect.poll(alarms, soon).toContain('settlement-uncovered')
  await here.reveal(bob)
  await expect.poll(alarms, soon).toEqual([])
  expect((await here.channelOf(bob)).settled).toBe(1500n * myst)
  await here.settle(bob)
  expect(await here.punishedSince()).toBe(0n)
  await restart()
}, 60_000)

test('a provider that asks for it is paid on schedule what is revealed, without a transaction of its own', async () => {
  const bob = await here.newPair(50n * myst)
  const least = 2n * myst
  const stranger = await here.orderPayout(bob, { every: 'day', least })
  expect([stranger.http, new TextDecoder().decode(stranger.body)]).toEqual([
    422,
    expect.stringContaining('payout-provider-unknown'),
  ])
  await here.credit(bob, 10n * myst)
  const refusals = [
    ['payout-least-too-low', { every: 'day', least: 1n }],
    ['payout-wish-missing', { every: 'day', least }],
    ['payout-wish-expired', { every: 'day', least, wish: { ...here.wishOf(bob), deadline: 1n } }],
    ['payout-wish-wrong-signer', { every: 'day', least, wish: { ...here.wishOf(bob), nonce: 99n } }],
  ] as const
  for (const [code, order] of refusals) {
    const refused = await here.orderPayout(bob, order)
    expect([refused.http, JSON.parse(new TextDecoder().decode(refused.body)).code]).toEqual([422, code])
  }
  const order = { every: 'day', least, wish: here.wishOf(bob) } as const
  expect((await here.orderPayout(bob, order)).http).toBe(200)
  expect(await standingOf(bob)).toEqual({ order, isWished: false })

  // Nothing of it is revealed yet: only what the next batch shows is paid.
  await here.credit(bob, 5n * myst)
  await expect.poll(() => here.balanceOf(bob.bob), soon).toBe(net(10n * myst))
  expect(await standingOf(bob)).toEqual({ order, isWished: true })
  await here.reveal(bob)
  await here.settle(bob)
  expect(await here.balanceOf(bob.bob)).toBe(net(15n * myst))
}, 60_000)

test('a node asks for payouts in its own name, and is told why not', async () => {
  const bob = await here.newPair(50n * myst)
  const { chain, profile } = here.world
  const deps = { crypto, clock: systemClock, client: chain.client }
  const payouts = createPayouts(deps, { keys: deriveKeys(crypto, bob.bobKey), profile })
  const least = 2n * myst
  const refused = (code: string) => ({ code: 'payout-refused', facts: { code } })
  await expect(payouts.order({ every: 'day', least })).rejects.toMatchObject(refused('payout-provider-unknown'))
  await here.credit(bob, 10n * myst)
  await expect(payouts.order({ every: 'day', least: 1n })).rejects.toMatchObject(refused('payout-least-too-low'))
  await expect(payouts.standing(bob.bob)).rejects.toMatchObject({ code: 'accountant-unknown' })
  expect(await payouts.order({ every: 'day', least })).toMatchObject({ every: 'day', least, isWished: false })
  await here.credit(bob, 5n * myst)
  await expect.poll(() => here.balanceOf(bob.bob), soon).toBe(net(10n * myst))
  expect(await payouts.standing()).toMatchObject({ every: 'day', isWished: true })
  expect(await payouts.order({ every: 'never' })).toMatchObject({ every: 'never', isWished: true })
}, 60_000)

test('a payout and a settlement in flight pay once, whichever is mined first (W36)', async () => {
  for (const first of ['payout', 'settlement'] as const) {
    const bob = await here.newPair(50n * myst)
    await here.credit(bob, 10n * myst)
    await here.reveal(bob)
    await expect.poll(async () => (await here.channelOf(bob)).settled, soon).toBe(10n * myst)
    // Wished on chain before, so that the payout alone is in flight.
    const { http } = await here.orderPayout(bob, { every: 'week', least: 20n * myst, wish: here.wishOf(bob) })
    expect(http).toBe(200)
    await here.layWish(bob)
    await expect.poll(async () => (await standingOf(bob)).isWished, soon).toBe(true)
    await here.handMining()
    try {
      expect((await here.orderPayout(bob, { every: 'week', least: myst })).http).toBe(200)
      await expect.poll(() => here.pooled(), soon).toHaveLength(1)
      const settling = here.settle(bob, first === 'settlement' ? 'first' : 'last').then(
        () => 'paid',
        () => 'reverted',
      )
      await expect.poll(() => here.pooled(bob.bob), soon).toHaveLength(1)
      await here.node('evm_mine')
      expect(await settling).toBe(first === 'payout' ? 'reverted' : 'paid')
    } finally {
      await here.mixedMining()
    }
    await expect.poll(() => here.pooled(), soon).toHaveLength(0)
    expect(await here.balanceOf(bob.bob)).toBe(net(10n * myst))
    expect((await here.providerOf(bob)).settled).toBe(net(10n * myst))
  }
}, 120_000)
