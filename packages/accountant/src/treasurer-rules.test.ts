import { type Address, myst } from '@myst/protocol'
import { describe, expect, test } from 'vitest'
import type { ChainFigures } from './chain-book.ts'
import type { LedgerFigures } from './ledger-figures.ts'
import {
  type AlarmCode,
  alarmCodes,
  idleTreasury,
  type PayoutAsked,
  stepTreasury,
  type TreasuryAction,
  type TreasuryTerms,
  type TreasuryView,
} from './treasurer-rules.ts'

const at = (byte: string): Address => `0x${byte.repeat(20)}`
const [bob, dan, erin] = [at('b0'), at('d0'), at('e0')] as const
const dayMs = 86_400_000
const nowMs = 1_800_000_000_000
const coin = 10n ** 18n

const terms: TreasuryTerms = {
  fundsReserve: 50n * myst,
  gasTransactions: 50n,
  collectWithinMs: dayMs,
  exitDelayMs: 4 * dayMs,
  payoutLeast: myst,
  mystPerNative: myst,
}

/** 200 free, nothing missing. */
const healthyChain: ChainFigures = {
  block: { number: 9n, hash: '0x09', timestampS: 1_800_000_000n },
  balance: 1000n * myst,
  freeFunds: 200n * myst,
  operatorStake: 100n * myst,
  reserve: 0n,
  totalStake: 300n * myst,
  totalGuarantee: 300n * myst,
  punishedSinceS: 0n,
  shortProviders: 0n,
  withdrawal: { amount: 0n, dueAtS: 0n },
  gasBalance: coin,
  gasPrice: 10n ** 9n,
}
const healthyLedger: LedgerFigures = {
  providers: 2,
  channels: 3,
  promised: 500n * myst,
  settled: 350n * myst,
  unsettled: 150n * myst,
  guaranteedUnsettled: 0n,
  largest: { provider: bob, unsettled: 100n * myst },
  credited: 500n * myst,
  collected: 400n * myst,
  collectable: 0n,
  open: 100n * myst,
  bountiesGranted: 0n,
  bountiesPending: 0n,
}

interface Change extends Partial<Omit<TreasuryView, 'chain' | 'ledger'>> {
  readonly chain?: Partial<ChainFigures>
  readonly ledger?: Partial<LedgerFigures>
}
const viewOf = ({ chain, ledger, ...change }: Change = {}): TreasuryView => ({
  nowMs,
  lookedAtMs: nowMs,
  lacking: [],
  payouts: [],
  ...change,
  chain: { ...healthyChain, ...chain },
  ledger: { ...healthyLedger, ...ledger },
})
const actionsOf = (change: Change, state = idleTreasury) => stepTreasury(state, viewOf(change), terms)[1]
const alarmsOf = (change: Change, by = terms) => stepTreasury(idleTreasury, viewOf(change), by)[0].alarms
const ofKind = <K extends TreasuryAction['kind']>(actions: readonly TreasuryAction[], kind: K) =>
  actions.filter((action): action is Extract<TreasuryAction, { kind: K }> => action.kind === kind)

test('a bounty that no promise holds yet is owed as well', () => {
  const owed = (bountiesPending: bigint) => alarmsOf({ ledger: { unsettled: 190n * myst, bountiesPending } })
  expect(owed(10n * myst)).toEqual([])
  expect(owed(10n * myst + 1n)).toMatchObject([{ code: 'promises-uncovered', send: { amount: 1n, coin: 'MYST' } }])
})

test('where all is well nothing is done', () => expect(actionsOf({})).toEqual([]))

/** The least that brings each alarm, what ends it, and one unit less of it, which does not bring it. */
const rows: [code: AlarmCode, change: Change, send: bigint | undefined, almost: Change][] = [
  [
    'in-punishment',
    { chain: { punishedSinceS: 1n, freeFunds: 20n * myst, totalGuarantee: 270n * myst } },
    110n * myst,
    {},
  ],
  ['guarantees-short', { chain: { totalGuarantee: 100n * myst - 1n } }, 1n, { chain: { totalGuarantee: 100n * myst } }],
  [
    'settlement-uncovered',
    { ledger: { largest: { provider: bob, unsettled: 200n * myst + 1n } } },
    1n,
    { ledger: { largest: { provider: bob, unsettled: 200n * myst } } },
  ],
  [
    'promises-uncovered',
    { ledger: { unsettled: 230n * myst + 1n, guaranteedUnsettled: 30n * myst } },
    1n,
    { ledger: { unsettled: 230n * myst, guaranteedUnsettled: 30n * myst } },
  ],
  ['funds-low', { chain: { freeFunds: 50n * myst - 1n } }, 1n, { chain: { freeFunds: 50n * myst } }],
  [
    'withdrawal-uncovered',
    { chain: { withdrawal: { amount: 100n * myst + 1n, dueAtS: 9n } } },
    1n,
    { chain: { withdrawal: { amount: 100n * myst, dueAtS: 9n } } },
  ],
  [
    'gas-low',
    { chain: { gasBalance: 50n * 300_000n * 10n ** 9n - 1n } },
    1n,
    { chain: { gasBalance: 50n * 300_000n * 10n ** 9n } },
  ],
  ['holds-late', { holdsMissingSinceMs: nowMs - dayMs / 4 - 1 }, undefined, { holdsMissingSinceMs: nowMs - dayMs / 4 }],
  [
    'collection-late',
    { collectableSinceMs: nowMs - 2 * dayMs - 1 },
    undefined,
    { collectableSinceMs: nowMs - 2 * dayMs },
  ],
  ['chain-unseen', { lookedAtMs: nowMs - 600_001 }, undefined, { lookedAtMs: nowMs - 600_000 }],
]

describe('warns', () => {
  test('of everything that has a code', () => expect(rows.map(([code]) => code)).toEqual([...alarmCodes]))

  test.each(rows)('%s: with what ends it, and not one unit before', (code, change, send, almost) => {
    expect(alarmsOf(change).find((alarm) => alarm.code === code)).toEqual({
      code,
      sinceMs: nowMs,
      ...(send === undefined ? {} : { send: { amount: send, coin: code === 'gas-low' ? 'native' : 'MYST' } }),
    })
    expect(alarmsOf(almost).map((alarm) => alarm.code)).not.toContain(code)
  })

  test('once when it begins, once when it ends, and it keeps its beginning', () => {
    const low = { chain: { gasBalance: 0n } }
    const [first, began] = stepTreasury(idleTreasury, viewOf(low), terms)
    const [second, nothing] = stepTreasury(first, viewOf({ ...low, nowMs: nowMs + 5, lookedAtMs: nowMs + 5 }), terms)
    const [third, ended] = stepTreasury(second, viewOf(), terms)
    expect([began.map(({ kind }) => kind), nothing, ended]).toEqual([
      ['alarm'],
      [],
      [{ kind: 'alarm-over', code: 'gas-low' }],
    ])
    expect([second.alarms[0]?.sinceMs, third.alarms]).toEqual([nowMs, []])
  })

  test('a settlement of any provider, after what an alarm asks for was sent, leaves nothing missing', () => {
    for (const freeFunds of [0n, 10n, 60n, 200n, 400n]) {
      for (const lack of [0n, 5n, 80n, 250n]) {
        for (const unsettled of [0n, 7n, 90n, 300n]) {
          const chain = { ...healthyChain, freeFunds, totalGuarantee: healthyChain.totalStake - lack }
          const ledger = { largest: { provider: bob, unsettled }, unsettled }
          const found = alarmsOf({ chain, ledger }, { ...terms, fundsReserve: 0n })
          const sent = found.reduce(
            (most, { send }) => (send !== undefined && send.amount > most ? send.amount : most),
            0n,
          )
          // Settled: free funds pay it, and what guarantees lack must still be there (`_judge` in Books.sol).
          expect(freeFunds + sent - unsettled).toBeGreaterThanOrEqual(lack)
        }
      }
    }
  })
})

test('what consumers owe is collected where funds are asked for, and else not', () => {
  const collectable = { collectable: 5n }
  expect(ofKind(actionsOf({ chain: { freeFunds: 0n }, ledger: collectable }), 'collect')).toHaveLength(1)
  expect(ofKind(actionsOf({ chain: { gasBalance: 0n }, ledger: collectable }), 'collect')).toEqual([])
  expect(ofKind(actionsOf({ chain: { freeFunds: 0n } }), 'collect')).toEqual([])
})

describe('guarantees', () => {
  const lacking = [
    { provider: bob, lack: 10n * myst },
    { provider: dan, lack: 1n },
  ]
  const short = { lacking, chain: { totalGuarantee: 290n * myst - 1n } }

  test('are refilled where that is worth its gas, and whatever it costs in a punishment', () => {
    expect(ofKind(actionsOf(short), 'rebalance')).toEqual([{ kind: 'rebalance', provider: bob }])
    const punished = { ...short, chain: { ...short.chain, punishedSinceS: 1n } }
    expect(ofKind(actionsOf(punished), 'rebalance').map(({ provider }) => provider)).toEqual([bob, dan])
  })

  test('with nothing to refill them from they are left alone', () => {
    const empty = { ...short, chain: { ...short.chain, freeFunds: 0n } }
    expect(ofKind(actionsOf(empty), 'rebalance')).toEqual([])
    const reserve = { ...short, chain: { ...empty.chain, reserve: 1n } }
    expect(ofKind(actionsOf(reserve), 'rebalance')).toHaveLength(1)
  })

  test('what changed nothing is not sent again before something changed', () => {
    const [state] = stepTreasury(idleTreasury, viewOf(short), terms)
    expect(ofKind(actionsOf(short, state), 'rebalance')).toEqual([])
    const more = { ...short, chain: { ...short.chain, freeFunds: 201n * myst } }
    expect(ofKind(actionsOf(more, state), 'rebalance')).toHaveLength(1)
  })
})

test('a punishment is ended as soon as nothing is missing and nobody is short', () => {
  const ends = (chain: Partial<ChainFigures>) =>
    ofKind(actionsOf({ chain: { punishedSinceS: 1n, ...chain } }), 'end-punishment').length
  expect(ends({})).toBe(1)
  expect(ends({ shortProviders: 1n })).toBe(0)
  expect(ends({ freeFunds: 0n, totalGuarantee: 0n })).toBe(0)
  expect(ends({ punishedSinceS: 0n })).toBe(0)
})

describe('payouts', () => {
  const asked = (change: Partial<PayoutAsked> = {}): PayoutAsked => ({
    provider: bob,
    every: 'day',
    least: 5n * myst,
    revealed: 30n * myst,
    settled: 20n * myst,
    isWished: true,
    ...change,
  })
  const paid = (payouts: readonly PayoutAsked[], chain: Partial<ChainFigures> = {}, more: Change = {}) =>
    ofKind(actionsOf({ ...more, payouts, chain }), 'pay-out').flatMap((action) => action.payouts)

  const chances: [what: string, one: Partial<PayoutAsked>, is: boolean][] = [
    ['the first one', {}, true],
    ['a day after the last one', { paidMs: nowMs - dayMs }, true],
    ['before that', { paidMs: nowMs - dayMs + 1 }, false],
    ['each week, after a day', { every: 'week', paidMs: nowMs - dayMs }, false],
    ['each week, after a week', { every: 'week', paidMs: nowMs - 7 * dayMs }, true],
    ['never', { every: 'never' }, false],
    ['what it asked for at least', { least: 10n * myst }, true],
    ['less than it asked for', { least: 10n * myst + 1n }, false],
    ['less than is ever paid out', { least: 0n, settled: 30n * myst - myst + 1n }, false],
    ['without its wish on chain', { isWished: false }, false],
    ['what a settlement has paid already', { settled: 40n * myst }, false],
  ]
  test.each(chances)('%s', (_, one, is) => {
    expect(paid([asked(one)])).toEqual(is ? [{ provider: bob, upTo: 30n * myst }] : [])
  })

  test('come out of what is spare, all together, and who waits for longest comes first', () => {
    const three = [
      asked({ provider: bob, paidMs: nowMs - 2 * dayMs }),
      asked({ provider: dan, paidMs: nowMs - 4 * dayMs }),
      asked({ provider: erin, paidMs: nowMs - 3 * dayMs }),
    ]
    // 10 each, and 25 spare.
    const chain = { freeFunds: 40n * myst, totalGuarantee: 285n * myst }
    expect(paid(three, chain).map(({ provider }) => provider)).toEqual([dan, erin])
    expect(paid(three, { ...chain, totalGuarantee: 260n * myst })).toEqual([])
  })

  test('rest in a punishment, and while the chain is not seen', () => {
    expect(paid([asked()], { punishedSinceS: 1n })).toEqual([])
    expect(paid([asked()], {}, { lookedAtMs: nowMs - 600_001 })).toEqual([])
  })

  test('are a hundred at a time', () => {
    const many = Array.from({ length: 150 }, (_, index) =>
      asked({ provider: `0x${index.toString(16).padStart(40, '0')}`, revealed: 21n * myst, least: myst }),
    )
    expect(paid(many)).toHaveLength(100)
  })

  test('a wish is laid on chain once, when there is something to pay', () => {
    const wishing = { isWished: false, wishNonce: 7n }
    const laid = (one: PayoutAsked, state = idleTreasury) => ofKind(actionsOf({ payouts: [one] }, state), 'lay-wish')
    expect(laid(asked(wishing))).toEqual([{ kind: 'lay-wish', provider: bob, due: 10n * myst }])
    expect(laid(asked({ ...wishing, revealed: 21n * myst }))).toEqual([])
    expect(laid(asked())).toEqual([])
    const [state] = stepTreasury(idleTreasury, viewOf({ payouts: [asked(wishing)] }), terms)
    expect(laid(asked(wishing), state)).toEqual([])
    expect(laid(asked({ ...wishing, wishNonce: 8n }), state)).toHaveLength(1)
  })
})
