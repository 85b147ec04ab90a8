import { type Address, myst } from '@myst/protocol'
import { expect, test } from 'vitest'
import type { ChainFigures } from './chain-book.ts'
import { readable, renderSolvency } from './solvency-page.ts'
import { reportSolvency } from './solvency-report.ts'
import type { AlarmInForce } from './treasurer-rules.ts'

const at = (byte: string): Address => `0x${byte.repeat(20)}`
const place = { accountant: at('aa'), operator: at('cc'), chainId: 137n, confirmationDepth: 12 }
const chain: ChainFigures = {
  block: { number: 900n, hash: `0x${'09'.repeat(32)}`, timestampS: 1_800_000_000n },
  balance: 460n * myst,
  freeFunds: 40n * myst,
  operatorStake: 100n * myst,
  reserve: 20n * myst,
  totalStake: 160n * myst,
  totalGuarantee: 140n * myst,
  punishedSinceS: 0n,
  shortProviders: 0n,
  withdrawal: { amount: 0n, dueAtS: 0n },
  gasBalance: 1n,
  gasPrice: 1n,
}
const ledger = {
  providers: 2,
  channels: 1,
  promised: 100n * myst,
  settled: 30n * myst,
  unsettled: 70n * myst,
  guaranteedUnsettled: 10n * myst,
  largest: { provider: at('bb'), unsettled: 50n * myst },
  credited: 105n * myst,
  collected: 80n * myst,
  collectable: 15n * myst,
  open: 5n * myst,
  bountiesGranted: 0n,
  bountiesPending: 0n,
}
const report = (alarms: readonly AlarmInForce[] = [], open = ledger.open) =>
  reportSolvency({ chain, ledger: { ...ledger, open }, atMs: 1_800_000_001_000 }, alarms, place)

test('it is solvent where free funds, guarantees, and what consumers signed pay all that is owed, to the unit', () => {
  expect(report()).toMatchObject({
    solvent: true,
    cover: { covered: String(65n * myst), open: String(5n * myst) },
    contract: { missing: String(20n * myst), spare: String(20n * myst) },
    block: { number: '900', depth: 12, time: '2027-01-15T08:00:00.000Z' },
  })
  expect(report([], ledger.open - 1n).solvent).toBe(false)
  expect(renderSolvency(report([], 0n))).toContain('Not covered')
})

test('a bounty that is granted is owed, though no promise holds it yet', () => {
  const pending = (bountiesPending: bigint) =>
    reportSolvency({ chain, ledger: { ...ledger, bountiesPending }, atMs: 1 }, [], place)
  const funded = { ...ledger, open: ledger.open + 3n }
  const report = (bountiesPending: bigint) =>
    reportSolvency({ chain, ledger: { ...funded, bountiesPending }, atMs: 1 }, [], place)
  expect([report(3n).solvent, report(4n).solvent]).toEqual([true, false])
  expect(pending(2n * myst)).toMatchObject({ solvent: false, providers: { bounties: String(2n * myst) } })
})

test('an alarm says in words how much to send where', () => {
  const alarm = {
    code: 'funds-low',
    sinceMs: 1_800_000_000_000,
    send: { amount: (3n * myst) / 2n, coin: 'MYST' },
  } as const
  expect(report([alarm]).alarms).toEqual([
    {
      code: 'funds-low',
      since: '2027-01-15T08:00:00.000Z',
      message: `Free funds are below the reserve that was set. Send 1.5 MYST to ${place.accountant}.`,
      send: { amount: String((3n * myst) / 2n), coin: 'MYST' },
    },
  ])
  const page = renderSolvency(report([alarm]))
  expect(page).toContain('Covered, with warnings.')
  expect(page).toContain('Send 1.5 MYST to')
})

test('nothing in it can become markup', () => {
  const wicked = { ...report(), accountant: '<script>alert(1)</script>"&' as Address }
  const page = renderSolvency(wicked)
  expect(page).not.toContain('<script')
  expect(page).toContain('&lt;script&gt;')
})

test.each([
  [0n, '0'],
  [1n, 'below 0.000001'],
  [myst, '1'],
  [1_234_567n * myst + myst / 3n, '1\u202f234\u202f567.333333'],
])('%s reads as %s', (amount, text) => expect(readable(String(amount))).toBe(text))
