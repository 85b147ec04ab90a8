/**
 * A channel's money comes home: at once where the accountant co-signs, by the contract's delay where it is away; over a crash
 * it leaves once, and what is promised stays.
 */

import type { Accountant } from '@myst/accountant'
import { createAccountantClient, deriveKeys, systemClock } from '@myst/billing'
import { mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import { createChannelExit, createOwnWallet } from '@myst/node'
import { type Address, myst } from '@myst/protocol'
import { createMemoryStore } from '@myst/store'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestChain, type TestChain } from './chain.fixture.ts'
import { createPair, type Pair } from './pair.fixture.ts'

const crypto = await loadNativeCrypto()
const host = '127.0.62.21'
const home = `0x${'a1'.repeat(20)}` as const
const paidIn = 5n * myst
/** Of who is not registered yet, the accountant keeps back what that may cost. */
const keptBack = myst
let world: TestChain
let carol: Accountant | undefined

beforeAll(async () => {
  world = await openTestChain(crypto, host)
  carol = await world.startAccountant()
}, 30_000)
afterAll(async () => {
  await carol?.close()
  await world?.close()
})

const rpc = (method: string, ...params: unknown[]) => world.chain.client.rpc.request({ method, params } as never)
const balanceOf = (of: Address): Promise<bigint> =>
  world.chain.client.rpc.readContract({
    address: world.network.contracts.token,
    abi: mystTokenAbi,
    functionName: 'balanceOf',
    args: [of],
  })

async function exitOf(
  pair: Pair,
  promised: bigint,
  change: { store?: ReturnType<typeof createMemoryStore>; slowAfterMs?: number; onCarry?: () => void } = {},
) {
  const { client } = world.chain
  const { accountant } = world.network
  const keys = deriveKeys(crypto, pair.aliceKey)
  await rpc('anvil_setBalance', pair.alice, '0xde0b6b3a7640000')
  const wallet = createOwnWallet(crypto, client, world.profile.contracts, pair.aliceKey)
  const info = { address: accountant, operator: crypto.addressOf(richKeys.operator), url: world.accountantUrl }
  const domain = { chainId: client.chainId, verifyingContract: accountant }
  // The node is killed after the accountant has signed.
  const transactor = { ...wallet.transactor, carry: () => new Promise<never>(() => change.onCarry?.()) }
  return createChannelExit(
    {
      crypto,
      clock: systemClock,
      store: change.store ?? createMemoryStore(),
      client,
      wallet: change.onCarry !== undefined ? { ...wallet, transactor } : wallet,
      transactors: [change.onCarry !== undefined ? transactor : wallet.transactor],
      accountant: createAccountantClient({ crypto, clock: systemClock }, keys, domain, info),
      promised: () => promised,
      log: () => {},
    },
    {
      keys,
      profile: world.profile,
      accountant,
      ...(change.slowAfterMs === undefined ? {} : { slowAfterMs: change.slowAfterMs }),
    },
  )
}

test('it leaves once over a crash, to the same place, and what is promised stays', async () => {
  const pair = await createPair(crypto, world, 1, paidIn)
  expect(await pair.credit(myst)).toBe('accepted')
  const store = createMemoryStore()
  let isHandedOn = false
  const onCarry = () => {
    isHandedOn = true
  }
  const killed = await exitOf(pair, myst, { store, onCarry })
  killed.wish(home, 0n)
  void killed.step()
  const leaving = paidIn - myst - keptBack
  await expect.poll(() => isHandedOn, { timeout: 10_000 }).toBe(true)

  const exit = await exitOf(pair, myst, { store })
  expect([exit.isWished, exit.reserved]).toEqual([true, leaving])
  expect(await exit.step()).toMatchObject({ kind: 'channel', state: 'working', amount: leaving })
  expect(await balanceOf(home)).toBe(leaving)
  expect(await balanceOf(pair.channel)).toBe(myst + keptBack)
}, 40_000)

test('while the accountant is away the contract pays after its delay', async () => {
  const pair = await createPair(crypto, world, 2, paidIn)
  await carol?.close()
  carol = undefined
  const before = await balanceOf(home)
  const exit = await exitOf(pair, 2n * myst, { slowAfterMs: 0 })
  exit.wish(home, 0n)
  expect(await exit.step()).toMatchObject({ state: 'working', amount: 3n * myst })
  const waiting = await exit.step()
  expect(waiting).toMatchObject({ state: 'waiting', amount: 3n * myst })
  expect(waiting.dueAtMs).toBeGreaterThan(Date.now() + 3 * 86_400_000)
  await rpc('evm_increaseTime', 4 * 86_400 + 1)
  await rpc('evm_mine')
  expect(await exit.step()).toMatchObject({ state: 'working' })
  // It pays all that no promise was laid on chain for in these four days.
  expect(await balanceOf(home)).toBe(before + paidIn)
  expect(await exit.step()).toMatchObject({ state: 'done' })
  expect(exit.isWished).toBe(false)
}, 40_000)
