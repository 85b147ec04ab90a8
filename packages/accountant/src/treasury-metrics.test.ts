import { myst } from '@myst/protocol'
import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'
import type { Treasurer, TreasuryFigures } from './treasurer.ts'
import { treasuryGauges } from './treasury-metrics.ts'

const idle = {
  running: () => true,
  signerAway: () => false,
  signatureThreads: () => 1,
  signatureJobs: () => 0,
  streamConnections: () => 0,
  credited: () => 0n,
  promises: () => 0,
  fastExits: () => 0,
  agreements: () => 0,
  locks: () => 0,
  forgotten: () => 0,
  tail: () => ({ entries: 0, bytes: 0 }),
  recovering: () => false,
  unknown: () => 0n,
}
const figures = {
  chain: {
    freeFunds: 3n * myst,
    totalStake: 5n * myst,
    totalGuarantee: 4n * myst,
    operatorStake: 7n * myst,
    gasBalance: myst / 2n,
  },
  ledger: { unsettled: myst / 4n, collected: myst, collectable: 2n, open: 0n },
  atMs: 1000,
} as TreasuryFigures

function textOf(seen: TreasuryFigures | undefined): Promise<string> {
  const treasurer: Treasurer = {
    figures: () => seen,
    alarms: () => [{ code: 'gas-low', sinceMs: 0 }],
    close: async () => {},
  }
  const transactions = {
    underway: () => 2,
    waiting: () => 3,
    address: '0x',
    send: async () => {},
    close: async () => {},
  } as const
  const gauges = treasuryGauges({
    treasurer,
    transactions,
    collector: { waiting: () => ({ count: 4, sinceMs: 1000 }) },
    holder: { missing: () => ({ count: 5 }) },
    now: () => 3500,
  })
  return createMetrics(idle, gauges).text()
}

test('tells what the treasurer saw, and each alarm by its name', async () => {
  const told = await textOf(figures)
  for (const line of [
    'accountant_free_funds_myst 3',
    'accountant_spare_myst 2',
    'accountant_guarantees_missing_myst 1',
    'accountant_unsettled_myst 0.25',
    'accountant_gas_native 0.5',
    'accountant_treasury_age_seconds 2.5',
    'accountant_transactions_underway 2',
    'accountant_transactions_waiting 3',
    'accountant_collectable_channels 4',
    'accountant_collectable_age_seconds 2.5',
    'accountant_holds_missing 5',
    'accountant_alarm{alarm="gas-low"} 1',
    'accountant_alarm{alarm="in-punishment"} 0',
  ]) {
    expect(told.split('\n')).toContain(line)
  }
})

test('what was never seen is left out: a zero would be a figure', async () => {
  const told = await textOf(undefined)
  expect(told).not.toMatch(/^accountant_free_funds_myst /m)
  expect(told).toMatch(/^accountant_transactions_underway 2$/m)
})
