import { type Address, Fault, noTicks, toHex } from '@myst/protocol'
import { createMemoryStore, type RecordStore } from '@myst/store'
import { toyCrypto } from '@myst/testkit'
import { expect, test } from 'vitest'
import type { ChannelStanding, ChannelView } from './channel-view.ts'
import { createCollector } from './collector.ts'
import { createExitHolder } from './exit-holder.ts'
import type { ChannelAccount, Ledger } from './ledger/index.ts'
import type { Transactions } from './transactions.ts'

const at = (byte: string): Address => `0x${byte.repeat(20)}`
const [accountant, registry] = [at('aa'), at('99')]
const consumers = [at('01'), at('02')]
const channelOf = (consumer: Address): Address => `0xc1${consumer.slice(4)}`

function accountOf(consumer: Address): [Address, ChannelAccount] {
  const agreement = { id: toHex(new Uint8Array(32)), provider: at('bb'), total: 10n }
  const promise = { amount: 10n, hashlock: toHex(new Uint8Array(32).fill(1)), agreement, ticks: noTicks }
  const signed = { consumer, promise, signature: new Uint8Array(65) }
  const collectable = { signed, preimage: new Uint8Array(32) }
  const account = { consumer, revealedAmount: 10n, revealedSum: 10n, open: [], highest: signed, collectable }
  return [channelOf(consumer), account]
}

interface Setting {
  /** What the chain shows of every channel's exit. */
  exit?: 'none' | 'early'
  everyMs?: number
  sweepEveryMs?: number
  minAmount?: bigint
  withinMs?: number
  /** MYST base units for one gas. */
  gasCost?: bigint
  store?: RecordStore
  now?: () => number
  send?: (settled: Map<Address, bigint>, name: string, worth: bigint | undefined) => void | Promise<void>
}

/** Each consumer's channel holds 20, promised 10, and is settled by what `send` says. */
function collectorOf(setting: Setting) {
  const { exit = 'none', everyMs = 3_600_000, sweepEveryMs = 3_600_000, minAmount = 1n, now = Date.now } = setting
  const settled = new Map<Address, bigint>()
  const held = new Map<Address, bigint>()
  const sent: string[] = []
  const faults: string[] = []
  let looks = 0
  const channels: ChannelView = {
    channelOf,
    async look(consumer): Promise<ChannelStanding> {
      looks += 1
      const paid = settled.get(consumer) ?? 0n
      const channel = channelOf(consumer)
      const now = {
        settled: paid,
        settledDeep: paid,
        balance: 20n - paid,
        held: held.get(channel) ?? 0n,
        deployed: true,
        block: 1n,
        headTimestampS: 1n,
      }
      return { channel, capacity: 20n, exit, ...now }
    },
    known: () => undefined,
    forget() {},
  }
  const transactions: Pick<Transactions, 'send'> = {
    async send(name, { to, name: called, args }, worth) {
      sent.push(name)
      await setting.send?.(settled, name, worth)
      if (called === 'hold') held.set(to, args[0] as unknown as bigint)
    },
  }
  const accounts = new Map<string, ChannelAccount>(consumers.map(accountOf))
  const ledger = {
    entries: () => accounts.entries(),
    get: (_table: string, key: string) => accounts.get(key),
  } as unknown as Ledger
  const onFault = (fault: Fault) => faults.push(fault.code)
  const common = { transactions, crypto: toyCrypto, ledger, channels, settledOf: () => 0n, now, onFault }
  const holder = createExitHolder(common, { everyMs, sweepEveryMs })
  const { store = createMemoryStore(), gasCost = 0n, withinMs = 3_600_000 } = setting
  const collector = createCollector(
    { ...common, store, exiting: holder.exiting, gasPrice: async () => gasCost },
    { accountant, registry, minAmount, withinMs, everyMs, mystPerNative: 10n ** 18n },
  )
  const close = async () => void (await Promise.all([collector.close(), holder.close()]))
  return { collector, holder, close, sent, faults, accounts, settled, looks: () => looks }
}
const [alices, erins] = consumers.map(channelOf) as [Address, Address]

const [first, second] = [`hold-${alices}`, `hold-${erins}`]

test('what was skipped or paid in part is asked for again, and only what was paid is counted', async () => {
  const payments = [3n, 7n]
  const { collector, close, sent } = collectorOf({
    send(settled) {
      const [alice] = consumers
      if (alice !== undefined) settled.set(alice, (settled.get(alice) ?? 0n) + (payments.shift() ?? 0n))
    },
  })
  expect([await collector.collect(), await collector.collect(), await collector.collect()]).toEqual([3n, 7n, 0n])
  expect(sent).toHaveLength(3)
  await close()
})

test('a hold that fails keeps no other from being held, and is tried again', async () => {
  const { close, sent, faults } = collectorOf({
    exit: 'early',
    everyMs: 20,
    send() {
      throw new Fault('transaction-refused')
    },
  })
  await expect.poll(() => sent.filter((name) => name === first).length).toBeGreaterThanOrEqual(2)
  await close()
  expect(sent).toContain(second)
  expect(faults.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'transaction-refused'))
})

test('an exit that an event told of is held at once, and again when more was credited meanwhile', async () => {
  const { holder, close, sent, accounts } = collectorOf({ exit: 'early', minAmount: 100n })
  await holder.hold(alices)
  await holder.hold(alices)
  expect([sent, holder.missing().count]).toEqual([[first], 0])
  const account = accounts.get(alices) as ChannelAccount
  const signed = account.highest as NonNullable<ChannelAccount['highest']>
  accounts.set(alices, { ...account, highest: { ...signed, promise: { ...signed.promise, amount: 15n } } })
  await holder.hold(erins)
  expect(sent).toEqual([first, first, second])
  await holder.hold(at('77'))
  expect(sent).toHaveLength(3)
  await close()
})

test('a collection that is stuck keeps no exit from being held and collected, and a stuck hold no other', async () => {
  const stuck = Promise.withResolvers<void>()
  const { collector, holder, close, sent } = collectorOf({
    exit: 'early',
    everyMs: 20,
    send: (_, name) => (name === 'collect' || name === first ? stuck.promise : undefined),
  })
  const collecting = collector.collect()
  await expect.poll(() => sent.includes('collect')).toBe(true)
  await holder.hold(alices)
  await holder.hold(erins)
  await expect.poll(() => sent.includes('collect-leaving')).toBe(true)
  expect(sent).toEqual(expect.arrayContaining([first, second]))
  expect(holder.missing().count).toBe(1)
  stuck.resolve()
  await collecting
  await close()
})

test('what is revealed of a channel under exit is collected whatever its amount, and whatever gas costs', async () => {
  const { collector, holder, close, sent } = collectorOf({ exit: 'early', minAmount: 100n, gasCost: 1000n })
  await collector.collect()
  expect(sent).toEqual([])
  await holder.hold(alices)
  await collector.collect()
  expect(sent).toEqual([first, 'collect-leaving'])
  await close()
})

test('what is too little is collected when it is old, also across a restart', async () => {
  let nowMs = 1_000_000
  const setting = { minAmount: 100n, withinMs: 5000, now: () => nowMs, store: createMemoryStore() }
  const before = collectorOf(setting)
  await before.collector.collect()
  expect([before.sent, before.collector.waiting()]).toEqual([[], { count: 2, sinceMs: 1_000_000 }])
  await before.close()
  nowMs += 4999
  const after = collectorOf(setting)
  await after.collector.collect()
  expect(after.sent).toEqual([])
  nowMs += 1
  await after.collector.collect()
  expect(after.sent).toEqual(['collect'])
  await after.close()
})

test('a clock that was ahead makes nothing wait for ever', async () => {
  let nowMs = 9_000_000
  const { collector, close, sent } = collectorOf({ minAmount: 100n, withinMs: 5000, now: () => nowMs })
  await collector.collect()
  nowMs = 1_000_000
  await collector.collect()
  nowMs += 5000
  await collector.collect()
  expect(sent).toEqual(['collect'])
  await close()
})

test('collecting never costs more than it brings', async () => {
  const worths: (bigint | undefined)[] = []
  const send = (_: unknown, __: string, worth: bigint | undefined) => void worths.push(worth)
  // 10 are due of each channel, and a claim takes 35,000 gas.
  const dear = collectorOf({ gasCost: 1n, send })
  await dear.collector.collect({ all: true })
  expect(dear.sent).toEqual([])
  await dear.close()
  const cheap = collectorOf({ gasCost: 0n, send })
  await cheap.collector.collect({ all: true })
  expect([cheap.sent, worths]).toEqual([['collect'], [20n]])
  await cheap.close()
})

test('exits that no event told of are found after a start, and then in their time', async () => {
  const { close, sent, looks } = collectorOf({ exit: 'none', everyMs: 10, minAmount: 100n })
  await expect.poll(looks).toBe(2)
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect([looks(), sent]).toEqual([2, []])
  await close()
})
