import type { ExchangeReply } from '@myst/protocol'
import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'

const observed = {
  running: () => true,
  signerAway: () => false,
  signatureThreads: () => 2,
  signatureJobs: () => 3,
  streamConnections: () => 4,
  credited: () => 1_500_000_000_000_000_000n,
  recovering: () => false,
  unknown: () => 0n,
  promises: () => 7,
  fastExits: () => 1,
  agreements: () => 2,
  locks: () => 3,
  forgotten: () => 4,
  tail: () => ({ entries: 5, bytes: 6 }),
}
const from = { address: '192.0.2.1' }
const signed = { content: new Uint8Array(), signature: new Uint8Array() }

test('tells what there is now, in the unit of its name', async () => {
  let connections = 4
  const { text } = createMetrics({ ...observed, streamConnections: () => connections })
  expect(await text()).toMatch(/^accountant_stream_connections 4$/m)
  connections = 5
  const told = await text()
  for (const line of [
    'accountant_stream_connections 5',
    'accountant_running 1',
    'accountant_credited_myst 1.5',
    'accountant_promises 7',
    'accountant_fast_exits 1',
    'accountant_agreements 2',
    'accountant_locks 3',
    'accountant_ledger_tail_entries 5',
    'accountant_ledger_tail_bytes 6',
    'accountant_forgotten_records 4',
  ]) {
    expect(told).toMatch(new RegExp(`^${line}$`, 'm'))
  }
})

test('counts answers by what became of them, times them, and passes them on', async () => {
  const { text, observe } = createMetrics(observed)
  const replies: ExchangeReply[] = [
    { kind: 'answered', answer: signed },
    { kind: 'refused', code: 'batch-wrong-preimage' },
    { kind: 'refused', code: 'batch-wrong-preimage' },
  ]
  const exchange = observe(async () => replies.shift() as ExchangeReply)
  expect((await exchange(signed, from)).kind).toBe('answered')
  await exchange(signed, from)
  await exchange(signed, from)
  const told = await text()
  expect(told).toContain('accountant_answers_total{answer="answered"} 1')
  expect(told).toContain('accountant_answers_total{answer="batch-wrong-preimage"} 2')
  expect(told).toMatch(/^accountant_exchange_seconds_count 3$/m)
})
