/**
 * A channel's money comes home: at once where the accountant co-signs, by the contract's delay where it is away; over a crash
 * it leaves once, also where it is asked for again, and what is promised stays.
 */

import type { Accountant } from '@myst/accountant'
import { createAccountantClient, deriveKeys, systemClock } from '@myst/billing'
import { mystTokenAbi } from '@myst/contracts'
import { loadNativeCrypto } from '@myst/crypto-native'
import { richKeys } from '@myst/devnet'
import { createChannelExit, createLeaving, createOwnWallet, type LeavingDeps } from '@myst/node'
import { type Address, myst } from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
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
  change: {
    store?: ReturnType<typeof createMemoryStore>
    slowAfterMs?: number
    onCarry?: () => void
    /** What is handed on is sent all the same. */
    isSent?: boolean
    /** Its answer is lost, and whoever is handed it next finds it used. */
    isSentTwice?: boolean
    isAway?: () => boolean
  } = {},
) {
  const { client } = world.chain
  const { accountant } = world.network
  const keys = deriveKeys(crypto, pair.aliceKey)
  await rpc('anvil_setBalance', pair.alice, '0xde0b6b3a7640000')
  const wallet = createOwnWallet(crypto, client, world.profile.contracts, pair.aliceKey)
  const info = { address: accountant, operator: crypto.addressOf(richKeys.operator), url: world.accountantUrl }
  const domain = { chainId: client.chainId, verifyingContract: accountant }
  // The node is killed after the accountant has signed.
  const carry: typeof wallet.transactor.carry = async (request) => {
    if (change.isSentTwice === true) {
      await wallet.transactor.carry(request)
      return wallet.transactor.carry(request)
    }
    if (change.isSent === true) await wallet.transactor.carry(request)
    return new Promise<never>(() => change.onCarry?.())
  }
  const transactor = { ...wallet.transactor, carry }
  const clientAt = (url: string) =>
    createAccountantClient({ crypto, clock: systemClock }, keys, domain, { ...info, url })
  const [carolAtHome, carolAway] = [clientAt(info.url), clientAt(`http://${host}:9`)]
  const reached = () => (change.isAway?.() === true ? carolAway : carolAtHome)
  return createChannelExit(
    {
      crypto,
      clock: systemClock,
      store: change.store ?? createMemoryStore(),
      client,
      wallet: change.onCarry !== undefined || change.isSentTwice === true ? { ...wallet, transactor } : wallet,
      transactors: [change.onCarry !== undefined ? transactor : wallet.transactor],
      accountant: {
        fastExit: (exit) => reached().fastExit(exit),
        consumerStanding: () => reached().consumerStanding(),
      },
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

/** The withdrawals of a node that runs on this disk; the rest of its leaving has nothing to do here. */
async function nodeOn(pair: Pair, change: NonNullable<Parameters<typeof exitOf>[2]> & { store: RecordStore }) {
  const exit = await exitOf(pair, 0n, change)
  const { accountant } = world.network
  const rest = {
    client: world.chain.client,
    wallet: {},
    settler: {},
    stepStake: {},
    endBusiness: {},
  } as never as object
  const leaving = createLeaving(
    {
      ...(rest as Omit<LeavingDeps, 'clock' | 'store' | 'channels' | 'onChange' | 'log'>),
      clock: systemClock,
      store: change.store,
      channels: new Map([[accountant, exit]]),
      onChange: () => {},
      log: () => {},
    },
    { keys: deriveKeys(crypto, pair.aliceKey), profile: world.profile },
  )
  nodes.push(leaving)
  return { ...leaving, exit }
}
const nodes: { close(): Promise<void> }[] = []
afterAll(() => {
  for (const leaving of nodes) void leaving.close()
})
const done = { kind: 'channel', state: 'done', amount: 0n }
const soon = { timeout: 20_000, interval: 100 }

test('a withdrawal whose answer was lost leaves once: asked for again while it is under way, when it is done, on another day', async () => {
  const pair = await createPair(crypto, world, 3, paidIn)
  const store = createMemoryStore()
  const before = await balanceOf(home)
  let isSent = false
  const onCarry = () => {
    isSent = true
  }
  const killed = await nodeOn(pair, { store, onCarry, isSent: true })
  void killed.withdraw(home, myst, 'one')
  await expect.poll(() => isSent, soon).toBe(true)
  void killed.close()

  const next = await nodeOn(pair, { store })
  expect(await next.withdraw(home, myst, 'one')).toMatchObject(done)
  expect(await next.withdraw(home, myst, 'one')).toMatchObject(done)
  await expect(next.withdraw(home, 2n * myst, 'one')).rejects.toMatchObject({ code: 'idempotency-key-reused' })
  await next.close()
  await carol?.lookAtFastExits()
  const last = await nodeOn(pair, { store })
  expect(await last.withdraw(home, myst, 'one')).toMatchObject(done)
  expect(await balanceOf(home)).toBe(before + myst)
  // Another key is another withdrawal.
  await last.withdraw(home, myst, 'two')
  await expect.poll(() => balanceOf(home), soon).toBe(before + 2n * myst)
  await last.close()
}, 60_000)

test('a withdrawal that waits for its accountant is asked for again, and leaves once', async () => {
  const pair = await createPair(crypto, world, 4, paidIn)
  const before = await balanceOf(home)
  let isAway = true
  const node = await nodeOn(pair, { store: createMemoryStore(), isAway: () => isAway })
  const stuck = await node.withdraw(home, myst, 'one')
  expect([stuck.state, stuck.amount, stuck.problem?.code]).toEqual(['stuck', myst, 'accountant-unreachable'])
  isAway = false
  await expect.poll(() => node.exit.isWished, soon).toBe(false)
  await carol?.lookAtFastExits()
  expect(await node.withdraw(home, myst, 'one')).toMatchObject(done)
  expect([await balanceOf(home), node.exit.isWished]).toEqual([before + myst, false])
  await node.close()
}, 60_000)

test('a withdrawal that one transactor carries, and the next refuses for it, has left', async () => {
  const pair = await createPair(crypto, world, 6, paidIn)
  const before = await balanceOf(home)
  const node = await nodeOn(pair, { store: createMemoryStore(), isSentTwice: true })
  expect(await node.withdraw(home, myst, 'one')).toMatchObject({ state: 'working', amount: myst })
  await expect.poll(() => node.exit.isWished, soon).toBe(false)
  expect(await balanceOf(home)).toBe(before + myst)
  await node.close()
}, 20_000)

test('a withdrawal of nothing may be asked for again under its key', async () => {
  const pair = await createPair(crypto, world, 5, 0n)
  const node = await nodeOn(pair, { store: createMemoryStore() })
  const ask = () => node.withdraw(home, myst, 'one')
  await expect(ask()).rejects.toMatchObject({ code: 'nothing-to-withdraw' })
  await expect(ask()).rejects.toMatchObject({ code: 'nothing-to-withdraw' })
  await node.close()
}, 20_000)

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
