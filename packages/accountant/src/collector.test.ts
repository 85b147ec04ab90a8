import type { Sender } from '@myst/chain'
import { type Address, Fault, noTicks, toHex } from '@myst/protocol'
import { toyCrypto } from '@myst/testkit'
import { expect, test } from 'vitest'
import type { ChannelStanding, ChannelView } from './channel-view.ts'
import { createCollector } from './collector.ts'
import type { ChannelAccount, Ledger } from './ledger/index.ts'

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
  send?: (settled: Map<Address, bigint>, to: Address) => void
}

/** Each consumer's channel holds 20, promised 10, and is settled by what `send` says. */
function collectorOf(setting: Setting) {
  const settled = new Map<Address, bigint>()
  const held = new Map<Address, bigint>()
  const sent: string[] = []
  const faults: string[] = []
  let looks = 0
  const channels: ChannelView = {
    async look(consumer): Promise<ChannelStanding> {
      looks += 1
      const paid = settled.get(consumer) ?? 0n
      const channel = channelOf(consumer)
      const { exit = 'none' } = setting
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
    forget() {},
  }
  const sender = {
    async send({ to, name, args }: { to: Address; name: string; args: readonly unknown[] }) {
      sent.push(`${name} ${to.slice(0, 6)}`)
      setting.send?.(settled, to)
      if (name === 'hold') held.set(to, args[0] as bigint)
    },
  } as unknown as Sender
  const accounts = new Map<string, ChannelAccount>(consumers.map(accountOf))
  const ledger = {
    entries: () => accounts.entries(),
    get: (_table: string, key: string) => accounts.get(key),
  } as unknown as Ledger
  const { everyMs = 3_600_000, sweepEveryMs = 3_600_000, minAmount = 1n } = setting
  const collector = createCollector(
    { sender, crypto: toyCrypto, ledger, channels, now: Date.now, onFault: (fault) => faults.push(fault.code) },
    { accountant, registry, minAmount, everyMs, sweepEveryMs },
  )
  return { collector, sent, faults, accounts, looks: () => looks }
}
const [alices, erins] = consumers.map(channelOf) as [Address, Address]

test('what was skipped or paid in part is asked for again, and only what was paid is counted', async () => {
  const payments = [3n, 7n]
  const { collector, sent } = collectorOf({
    send(settled) {
      const [alice] = consumers
      if (alice !== undefined) settled.set(alice, (settled.get(alice) ?? 0n) + (payments.shift() ?? 0n))
    },
  })
  expect([await collector.collect(), await collector.collect(), await collector.collect()]).toEqual([3n, 7n, 0n])
  expect(sent).toHaveLength(3)
  await collector.close()
})

test('holds come before claims, and one that fails keeps no other from being held', async () => {
  const { collector, sent, faults } = collectorOf({
    exit: 'early',
    everyMs: 20,
    send() {
      throw new Fault('transaction-refused')
    },
  })
  await expect.poll(() => sent.length).toBeGreaterThanOrEqual(4)
  await collector.close()
  expect(sent.slice(0, 4)).toEqual([`hold 0xc101`, `hold 0xc102`, 'collect 0xaaaa', 'hold 0xc101'])
  expect(faults.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'transaction-refused'))
})

test('an exit that an event told of is held at once, and again when more was credited meanwhile', async () => {
  const { collector, sent, accounts } = collectorOf({ exit: 'early', minAmount: 100n })
  await collector.hold(alices)
  await collector.hold(alices)
  expect(sent).toEqual(['hold 0xc101'])
  const account = accounts.get(alices) as ChannelAccount
  const signed = account.highest as NonNullable<ChannelAccount['highest']>
  accounts.set(alices, { ...account, highest: { ...signed, promise: { ...signed.promise, amount: 15n } } })
  await collector.hold(erins)
  expect(sent).toEqual(['hold 0xc101', 'hold 0xc101', 'hold 0xc102'])
  await collector.hold(at('77'))
  expect(sent).toHaveLength(3)
  await collector.close()
})

test('what is revealed of a channel under exit is collected whatever its amount', async () => {
  const { collector, sent } = collectorOf({ exit: 'early', minAmount: 100n })
  await collector.collect()
  expect(sent).toEqual([])
  await collector.hold(alices)
  await collector.collect()
  expect(sent).toEqual(['hold 0xc101', 'collect 0xaaaa'])
  await collector.close()
})

test('exits that no event told of are found after a start, and then in their time', async () => {
  const { collector, sent, looks } = collectorOf({ exit: 'none', everyMs: 10, minAmount: 100n })
  await expect.poll(looks).toBe(2)
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect([looks(), sent]).toEqual([2, []])
  await collector.close()
})
