/**
 * Holds and collections of the accountant while it sleeps, is killed, or the chain does not take what it sends: a hold is on
 * chain within a quarter of the exit's delay, and a transaction ends once.
 */

import { consumerChannelAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import { myst } from '@myst/protocol'
import { startPostgres, whyNoPostgres } from '@myst/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exitDelayS, gwei, type MoneyWorld, openMoneyWorld, type Pair } from './money.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.43.2'
const soon = { timeout: 15_000, interval: 100 }
const quarterS = exitDelayS / 4
let here: MoneyWorld

beforeEach(async () => {
  here = await openMoneyWorld(crypto, host)
}, 30_000)
afterEach(() => here?.close())

/** Block time from the exit's announcement to the hold. */
async function heldAfterS(pair: Pair): Promise<number> {
  const { rpc } = here.world.chain.client
  const timeOf = async (eventName: 'Held' | 'ExitRequested') => {
    const events = await rpc.getContractEvents({
      address: pair.channel,
      abi: consumerChannelAbi,
      eventName,
      fromBlock: 0n,
    })
    expect(events).toHaveLength(1)
    return Number((await rpc.getBlock({ blockNumber: events[0]?.blockNumber ?? 0n })).timestamp)
  }
  return (await timeOf('Held')) - (await timeOf('ExitRequested'))
}

/** Credited, and its preimage kept back. */
async function creditedPair(): Promise<Pair> {
  const pair = await here.newPair(5n * myst)
  await here.credit(pair, 2n * myst)
  return pair
}

test('a program that slept through half of the time there is holds in time', async () => {
  const carol = await here.startUp()
  const pair = await creditedPair()
  carol.child.kill('SIGSTOP')
  await here.requestExit(pair)
  await here.passTime(quarterS / 2)
  expect((await here.channelOf(pair)).held).toBe(0n)
  carol.child.kill('SIGCONT')
  await expect.poll(async () => (await here.channelOf(pair)).held, soon).toBe(2n * myst)
  expect(await heldAfterS(pair)).toBeLessThan(quarterS)
}, 60_000)

const noPostgres = whyNoPostgres()
test.skipIf(noPostgres !== undefined)(
  `of two programs one sleeps for half of the exit’s delay: the other holds in time${noPostgres === undefined ? '' : `: skipped, ${noPostgres}`}`,
  async () => {
    const postgres = await startPostgres()
    try {
      const ledger = { ledger: postgres.url }
      const carol = await here.startUp(ledger)
      const standby = await here.start(ledger, 4061)
      const pair = await creditedPair()
      await expect.poll(() => fetch(`${here.url(4061)}/healthz`).then(({ status }) => status, String), soon).toBe(503)
      carol.child.kill('SIGSTOP')
      await here.requestExit(pair)
      await here.passTime(quarterS / 2)
      await expect
        .poll(async () => (await here.channelOf(pair)).held, { timeout: 60_000, interval: 200 })
        .toBe(2n * myst)
      expect(await heldAfterS(pair)).toBeLessThan(quarterS)
      expect(standby.said()).toContain('"ready":true')
      await here.passTime(exitDelayS / 2)
      // It wakes, finds that another writes, and ends before it sends anything.
      carol.child.kill('SIGCONT')
      expect((await carol.ended).exitCode).toBe(1)
      expect(await here.pooled()).toEqual([])
    } finally {
      await postgres.close()
    }
  },
  150_000,
)

test('a collection that is stuck, dropped, and was sent by a program that was killed ends once', async () => {
  const operator = crypto.addressOf(richKeys.operator)
  const { rpc } = here.world.chain.client
  const mined = () => rpc.getTransactionCount({ address: operator })
  const carol = await here.startUp()
  const pair = await creditedPair()
  const before = await mined()
  await here.handMining()
  await here.reveal(pair)
  await expect.poll(() => here.pooled(), soon).toHaveLength(1)
  const [first = ''] = await here.pooled()
  // Blocks pass it by, until it is replaced by an offer of more.
  await expect
    .poll(async () => {
      const pool = await here.pooled()
      if (pool.some((hash) => hash !== first)) return pool.length
      await here.node('anvil_setNextBlockBaseFeePerGas', `0x${(50n * gwei).toString(16)}`)
      await here.node('evm_mine')
      return 0
    }, soon)
    .toBe(1)
  expect(await mined()).toBe(before)
  carol.child.kill('SIGKILL')
  await carol.ended
  for (const hash of await here.pooled()) await here.node('anvil_dropTransaction', hash)
  expect(await here.pooled()).toEqual([])

  // Nothing asks for it any more: it goes on with what it has on disk.
  await here.startUp({ collectEveryMs: 3_600_000 })
  await expect.poll(() => here.pooled(), soon).toHaveLength(1)
  await here.mixedMining()
  await expect.poll(async () => (await here.channelOf(pair)).settled, soon).toBe(2n * myst)
  await expect.poll(() => here.status(), soon).toMatchObject({ transactions: { underway: 0, waiting: 0 } })
  expect(await mined()).toBe(before + 1)
}, 90_000)
