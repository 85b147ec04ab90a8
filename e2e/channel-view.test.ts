/**
 * What an accountant believes of a channel while the chain thinks again, stands still, is away, or lies.
 *
 * Two real chains; the second one stands for another RPC of the same network: equal contracts, whatever else is there.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createChannelView } from '@myst/accountant'
import { type ChainClient, connectChain } from '@myst/chain'
import { loadNativeCrypto } from '@myst/crypto-native'
import { anvilPath, type DevnetContracts, deployDevnet, richKeys } from '@myst/devnet'
import { type Address, channelAddress, type Fault, type NetworkProfile, uintToBytes } from '@myst/protocol'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

const crypto = await loadNativeCrypto()
const depth = 12
const scripts = process.env.MYST_LONG === undefined ? 100 : 1000

interface Chain {
  readonly client: ChainClient
  readonly network: DevnetContracts
  close(): Promise<void>
}

/** Also those of a test that failed. */
const running = new Set<Chain>()
afterAll(() => Promise.all([...running].map((one) => one.close())))

async function startChain(port: number): Promise<Chain> {
  const child = spawn(anvilPath(), ['--host', '127.0.34.1', '--port', String(port), '--silent'], { stdio: 'ignore' })
  const rpcUrl = `http://127.0.34.1:${port}`
  const client = await untilConnected(rpcUrl)
  const operator = crypto.addressOf(richKeys.operator)
  const network = await deployDevnet(client, { operator, transactor: operator }, 'http://127.0.34.1:4060')
  const started: Chain = {
    client,
    network,
    async close() {
      running.delete(started)
      const exit = once(child, 'exit')
      child.kill()
      await exit
    },
  }
  running.add(started)
  return started
}

async function untilConnected(rpcUrl: string): Promise<ChainClient> {
  for (;;) {
    const client = await connectChain({ rpcUrl, pollingMs: 20 }).catch(() => undefined)
    if (client !== undefined) return client
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

let chain: Chain
let other: Chain
beforeAll(async () => {
  chain = await startChain(8545)
  other = await startChain(8546)
  expect(other.network.contracts).toEqual(chain.network.contracts)
}, 30_000)

/** Each test has consumers of its own. */
let consumers = 0
const newConsumer = (): Address => crypto.addressOf(uintToBytes(BigInt(++consumers)))

/** The view's clock. anvil's blocks are from the future then, which is fine. */
let nowMs: number
let faults: Fault[]
beforeEach(() => {
  nowMs = 0
  faults = []
})

const ask = (client: ChainClient, method: string, params: unknown[] = []) =>
  client.rpc.request({ method, params } as never) as Promise<never>
const mine = (client: ChainClient, blocks: number) => ask(client, 'anvil_mine', [`0x${blocks.toString(16)}`])

function viewOf(clients: readonly ChainClient[]) {
  const { contracts, accountant, deployedAtBlock } = chain.network
  const profile = { contracts, deployedAtBlock: deployedAtBlock + 40n, confirmationDepth: depth } as NetworkProfile
  const options = { accountant, exitDelayS: 345_600n, openCost: 0n, maxRegistrationFee: 0n, freshMs: 1000 }
  return createChannelView(
    { clients, crypto, now: () => nowMs, onFault: (fault) => faults.push(fault) },
    profile,
    options,
  )
}

const channelOf = (consumer: Address) =>
  channelAddress(crypto, chain.network.contracts, consumer, chain.network.accountant)

describe('a chain that thinks again', () => {
  type Step = { topUp: number } | { mine: number } | { reorg: number }
  /** What happens between two looks; a reorg takes back so many blocks and what was in them. */
  const event: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ topUp: fc.integer({ min: 1, max: 1000 }) }) },
    { weight: 4, arbitrary: fc.record({ mine: fc.integer({ min: 1, max: 16 }) }) },
    { weight: 2, arbitrary: fc.record({ reorg: fc.integer({ min: 1, max: 32 }) }) },
  )

  /** @returns how often a limit fell. Each time a reorg as deep as the confirmation must have come before. */
  async function play({ client, network }: Chain, script: readonly Step[]) {
    const consumer = newConsumer()
    const view = viewOf([client])
    let granted = 0n
    let fell = 0
    let isDeep = false
    for (const step of script) {
      if ('topUp' in step) await network.faucet(channelOf(consumer), BigInt(step.topUp))
      else if ('mine' in step) await mine(client, step.mine)
      else {
        isDeep ||= step.reorg >= depth
        await ask(client, 'anvil_reorg', [step.reorg, []])
        await mine(client, 1)
      }
      nowMs += 1000
      const { capacity } = await view.look(consumer)
      if (capacity < granted) {
        expect(isDeep, `${capacity} after ${granted}`).toBe(true)
        fell += 1
      }
      granted = capacity
    }
    return fell
  }

  test(`no limit stands on money that a shallow reorg takes back; a deep one is told (A10): ${scripts} scripts`, async () => {
    let fell = 0
    const all = fc.sample(fc.array(event, { minLength: 4, maxLength: 10 }), { numRuns: scripts, seed: 7 })
    // anvil forgets the state of old blocks after some hundred of them: a new chain now and then.
    while (all.length > 0) {
      const fresh = await startChain(8549)
      await mine(fresh.client, 40)
      for (const script of all.splice(0, 10)) fell += await play(fresh, script)
      await fresh.close()
    }
    // Else the scripts would show nothing of deep ones.
    expect(fell).toBeGreaterThan(0)
    expect(faults.map(({ code }) => code)).toEqual(Array.from({ length: fell }, () => 'channel-shrank'))
  }, 120_000)
})

describe('two RPCs', () => {
  /** Money and ten blocks more than its confirmation takes. */
  const payIn = async ({ client, network }: Chain, consumer: Address, amount: bigint) => {
    await network.faucet(channelOf(consumer), amount)
    await mine(client, depth + 10)
  }

  test('money counts when both show it: one that lies raises nothing (F10)', async () => {
    const consumer = newConsumer()
    const view = viewOf([chain.client, other.client])
    await payIn(chain, consumer, 100n)
    await mine(other.client, depth + 10)
    expect(await view.look(consumer)).toMatchObject({ capacity: 0n })
    await payIn(other, consumer, 70n)
    nowMs += 1000
    expect(await view.look(consumer)).toMatchObject({ capacity: 70n })
    expect(faults).toEqual([])
  })

  test('while one is away nothing new is believed, and what both showed serves on', async () => {
    const third = await startChain(8547)
    const [known, unknown] = [newConsumer(), newConsumer()]
    const view = viewOf([chain.client, third.client])
    await payIn(chain, known, 100n)
    await payIn(third, known, 100n)
    expect(await view.look(known)).toMatchObject({ capacity: 100n })
    await third.close()
    await payIn(chain, known, 100n)
    nowMs += 1000
    expect(await view.look(known)).toMatchObject({ capacity: 100n })
    await expect(view.look(unknown)).rejects.toMatchObject({ code: 'chain-unreachable' })
  }, 30_000)
})

describe('one RPC', () => {
  /** The same client, and how often it was asked. */
  function counted(client: ChainClient) {
    let calls = 0
    const rpc = new Proxy(client.rpc, {
      get(target, name) {
        if (name === 'call' || name === 'getBlock') calls += 1
        return Reflect.get(target, name)
      },
    })
    return { client: { ...client, rpc }, calls: () => calls }
  }

  test('a state of minutes serves who needs no more than it allows; who needs more is told what is there now', async () => {
    const consumer = newConsumer()
    await chain.network.faucet(channelOf(consumer), 100n)
    await mine(chain.client, depth)
    const { client, calls } = counted(chain.client)
    const view = viewOf([client])
    await view.look(consumer, 100n)
    const first = calls()
    nowMs += 500_000
    for (let needed = 1n; needed <= 100n; needed++) await view.look(consumer, needed)
    expect(calls()).toBe(first)
    await chain.network.faucet(channelOf(consumer), 50n)
    await mine(chain.client, depth)
    expect(await view.look(consumer, 150n)).toMatchObject({ capacity: 150n })
    nowMs += 600_000
    await view.look(consumer, 1n)
    expect(calls()).toBe(3 * first)
  })

  test('after an event the next look is a new one', async () => {
    const consumer = newConsumer()
    const { client, calls } = counted(chain.client)
    const view = viewOf([client])
    await view.look(consumer, 0n)
    const first = calls()
    view.forget(consumer)
    await view.look(consumer, 0n)
    expect(calls()).toBe(2 * first)
  })

  test('that stands still, or is away, serves what was seen for an hour after its head (F9)', async () => {
    const fourth = await startChain(8548)
    const consumer = newConsumer()
    await fourth.network.faucet(channelOf(consumer), 100n)
    await mine(fourth.client, depth)
    const { timestamp } = await fourth.client.rpc.getBlock()
    const headMs = Number(timestamp) * 1000
    nowMs = headMs
    const view = viewOf([fourth.client])
    expect(await view.look(consumer)).toMatchObject({ capacity: 100n })
    nowMs = headMs + 3_500_000
    expect(await view.look(consumer)).toMatchObject({ capacity: 100n })
    await fourth.close()
    nowMs = headMs + 3_599_000
    expect(await view.look(consumer)).toMatchObject({ capacity: 100n })
    nowMs = headMs + 3_601_000
    await expect(view.look(consumer)).rejects.toMatchObject({ code: 'chain-unreachable' })
  }, 30_000)

  test('that has lost its state is away: it does not say that money is gone', async () => {
    const fifth = await startChain(8550)
    const consumer = newConsumer()
    await fifth.network.faucet(channelOf(consumer), 100n)
    await mine(fifth.client, 60)
    const view = viewOf([fifth.client])
    expect(await view.look(consumer)).toMatchObject({ capacity: 100n })
    await ask(fifth.client, 'anvil_setCode', [chain.network.contracts.token, '0x'])
    await mine(fifth.client, depth)
    nowMs += 1000
    expect(await view.look(consumer)).toMatchObject({ capacity: 100n })
    expect(faults).toEqual([])
    await fifth.close()
  }, 30_000)

  test('whose head is of yesterday gives no credit', async () => {
    const { timestamp } = await chain.client.rpc.getBlock()
    nowMs = Number(timestamp) * 1000 + 86_400_000
    await expect(viewOf([chain.client]).look(newConsumer())).rejects.toMatchObject({ code: 'chain-stale' })
  })
})
