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

/** Each consumer's channel holds 20 and is settled by what `send` says. */
function collectorOf(
  exit: 'none' | 'early',
  everyMs: number,
  send: (settled: Map<Address, bigint>, to: Address) => void,
) {
  const settled = new Map<Address, bigint>()
  const sent: string[] = []
  const faults: string[] = []
  const channels: ChannelView = {
    addressOf: channelOf,
    async look(consumer): Promise<ChannelStanding> {
      const paid = settled.get(consumer) ?? 0n
      const now = { settled: paid, settledDeep: paid, balance: 20n - paid, held: 0n, deployed: true, exit }
      return { channel: channelOf(consumer), capacity: 20n, ...now }
    },
    forget() {},
  }
  const sender = {
    async send({ to, name }: { to: Address; name: string }) {
      sent.push(`${name} ${to.slice(0, 6)}`)
      send(settled, to)
    },
  } as unknown as Sender
  const ledger = { entries: () => new Map(consumers.map(accountOf)).entries() } as unknown as Ledger
  const collector = createCollector(
    { sender, crypto: toyCrypto, ledger, channels, onFault: (fault) => faults.push(fault.code) },
    { accountant, registry, minAmount: 1n, everyMs },
  )
  return { collector, sent, faults }
}

test('what was skipped or paid in part is asked for again, and only what was paid is counted', async () => {
  const payments = [3n, 7n]
  const { collector, sent } = collectorOf('none', 3_600_000, (settled) => {
    const [alice] = consumers
    if (alice !== undefined) settled.set(alice, (settled.get(alice) ?? 0n) + (payments.shift() ?? 0n))
  })
  expect([await collector.collect(), await collector.collect(), await collector.collect()]).toEqual([3n, 7n, 0n])
  expect(sent).toHaveLength(3)
  await collector.close()
})

test('holds come before claims, and one that fails keeps no other from being held', async () => {
  const { collector, sent, faults } = collectorOf('early', 20, () => {
    throw new Fault('transaction-refused')
  })
  await expect.poll(() => sent.length).toBeGreaterThanOrEqual(3)
  await collector.close()
  expect(sent.slice(0, 3)).toEqual(['hold 0xc101', 'hold 0xc102', 'collect 0xaaaa'])
  expect(faults.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'transaction-refused'))
})
