import { referenceCrypto } from '@myst/protocol'
import { alice, bob, carol, mallory } from '@myst/testkit'
import { beforeEach, expect, test } from 'vitest'
import { createBountyDesk, spareForBounties } from './bounty-desk.ts'
import type { ChainFigures } from './chain-book.ts'
import { commandOf, item, lockOf, openTestLedger, preimageOf } from './ledger/testing.ts'
import { type LedgerFigures, sumLedger } from './ledger-figures.ts'
import type { TreasuryFigures } from './treasurer.ts'

let ledger: Awaited<ReturnType<typeof openTestLedger>>
let figures: TreasuryFigures | undefined
beforeEach(async () => {
  ledger = await openTestLedger()
  for (const { identity: provider } of [bob, carol]) {
    const items = [
      item({
        consumer: alice.identity,
        provider,
        amount: provider === bob.identity ? 50n : 80n,
        total: 30n,
        lock: lockOf(provider, 1n),
      }),
    ]
    const batch = { provider, epoch: 1n, hashlock: lockOf(provider, 1n), previousAmount: 0n, items }
    await ledger.apply(commandOf(batch, {}, { feeRate: 1000 }))
  }
  await look()
})

const chain = { freeFunds: 100n, totalStake: 0n, totalGuarantee: 0n } as ChainFigures
async function look(of: Partial<ChainFigures> = {}): Promise<LedgerFigures> {
  const sums = await sumLedger(ledger, { provider: () => undefined, settledOf: () => 0n })
  figures = { chain: { ...chain, ...of }, ledger: sums, atMs: 0 }
  return sums
}
const desk = () => createBountyDesk(referenceCrypto, ledger, { figures: () => figures })
const planOf = (amount: bigint, provider = bob.identity, atMs = 1n) => ({ atMs, rows: [{ provider, amount }] })

test('a plan is granted up to what is spare, to the unit, and not again', async () => {
  expect(await desk().grant(planOf(101n))).toEqual({
    ok: false,
    refusal: { code: 'bounty-uncovered', asked: 101n, spare: 100n },
  })
  expect(await desk().grant(planOf(100n))).toMatchObject({ ok: true, value: { granted: 1, amount: 100n, known: 0 } })
  expect(await desk().grant(planOf(100n))).toMatchObject({ ok: true, value: { granted: 0, amount: 0n, known: 1 } })
  for (const looked of [false, true]) {
    if (looked) await look()
    expect(await desk().grant(planOf(1n, bob.identity, 2n))).toMatchObject({ refusal: { asked: 1n, spare: 0n } })
  }
})

/** Bob's next batch, by which he is promised what he was granted. */
function takeBounties() {
  const provider = bob.identity
  const batch = {
    provider,
    epoch: 2n,
    hashlock: lockOf(provider, 2n),
    previousAmount: 27n,
    takesBounty: true,
    items: [],
  }
  return ledger.apply(commandOf({ ...batch, lastPreimage: preimageOf(provider, 1n) }))
}

test('two plans at once are not both covered by the same money', async () => {
  const one = desk()
  const plans = [1n, 2n, 3n].map((atMs) => one.grant(planOf(40n, bob.identity, atMs)))
  const granted = (await Promise.all(plans)).map(({ ok }) => ok)
  expect(granted).toEqual([true, true, false])
})

test('what was granted and what of it was promised since the figures were summed up is not spare', async () => {
  await desk().grant(planOf(60n))
  await takeBounties()
  for (const looked of [false, true]) {
    if (looked) await look()
    expect(await desk().grant(planOf(47n, bob.identity, 2n))).toMatchObject({ refusal: { code: 'bounty-uncovered' } })
  }
})

test('what is owed beyond what channels bring is not spare, nor what guarantees lack', async () => {
  const sums = await look({ totalStake: 30n })
  expect(figures && spareForBounties(figures, 0n)).toBe(70n)
  // 54 are promised, and all 60 from channels are among the free funds already.
  figures = { chain, ledger: { ...sums, collected: sums.credited }, atMs: 0 }
  expect(spareForBounties(figures, 0n)).toBe(46n)
  expect(spareForBounties({ ...figures, chain: { ...chain, freeFunds: 53n } }, 0n)).toBe(0n)
})

test('nothing of a plan is granted where a row is for a stranger, or before the chain was read', async () => {
  const rows = [...planOf(1n).rows, ...planOf(1n, mallory.identity).rows]
  expect(await desk().grant({ atMs: 1n, rows })).toEqual({
    ok: false,
    refusal: { code: 'bounty-stranger', provider: mallory.identity },
  })
  figures = undefined
  expect(await desk().grant(planOf(1n))).toEqual({ ok: false, refusal: { code: 'bounty-chain-unseen' } })
  expect([...ledger.entries('bounties')]).toEqual([])
})

test('proven is what consumers signed for: no bounty, and nothing that was lost', async () => {
  await desk().grant(planOf(60n))
  await takeBounties()
  const provider = bob.identity
  const { promise } = ledger.get('providers', carol.identity) ?? {}
  if (promise === undefined) throw new Error('not there')
  const shown = { ...promise, epoch: 2n, amount: 40n }
  const knownPreimage = preimageOf(carol.identity, 1n)
  await ledger.apply({ kind: 'adopt-newest', promise: shown, knownPreimage, credited: [] })
  const { credited, fees, providers } = await desk().standings()
  expect({ credited, fees, providers: new Map(providers.map((of) => [of.provider, of])) }).toEqual({
    credited: 67n,
    fees: 6n,
    providers: new Map([
      [provider, { provider, proven: 27n, granted: 60n, credited: 60n, pending: 0n }],
      [carol.identity, { provider: carol.identity, proven: 27n, granted: 0n, credited: 0n, pending: 0n }],
    ]),
  })
})
