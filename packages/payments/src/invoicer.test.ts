import {
  type Bytes32,
  hashPromise,
  noTicks,
  type SignedPromise,
  toHex,
  totalCost,
  type Usage,
  uintToBytes,
} from '@myst/protocol'
import { alice, bob, toyCrypto as crypto, dave, mallory, type Person } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  acceptPromise,
  creditInvoices,
  finalInvoice,
  type InvoicerState,
  type InvoicerTerms,
  startInvoicing,
  tickInvoicer,
  wantsExchange,
} from './invoicer.ts'

const word = (value: number): Bytes32 => toHex(uintToBytes(BigInt(value)))
/** A base unit a millisecond. */
const terms: InvoicerTerms = {
  consumer: alice.identity,
  provider: bob.identity,
  agreementId: word(1),
  channel: { chainId: 1n, channel: `0x${'c1'.repeat(20)}` },
  price: { perHour: 3_600_000n, perGib: 0n },
  capacity: 10n ** 15n,
  firstCredit: 3_000n,
  maxCredit: 30_000n,
  firstInvoiceAmount: 30n,
  minInvoiceMs: 5_000,
  maxInvoiceMs: 300_000,
  dueAmount: 1_500n,
  minDelta: 10n,
  graceMs: 50_000,
}
const lock = word(7)
const used = (ms: number): Usage => ({ durationMs: BigInt(ms), bytes: 0n })
const tick = (state: InvoicerState, nowMs: number, usedMs = nowMs, overLimit = false, hashlock = lock) =>
  tickInvoicer(state, terms, { nowMs, usage: used(usedMs), hashlock, overLimit })

function promise(
  total: bigint,
  changes: {
    amount?: bigint
    hashlock?: Bytes32
    signer?: Person
    id?: Bytes32
    provider?: Person
    consumer?: Person
    channel?: typeof terms.channel
  } = {},
): SignedPromise {
  const agreement = { id: changes.id ?? terms.agreementId, provider: (changes.provider ?? bob).identity, total }
  const of = { amount: changes.amount ?? total, hashlock: changes.hashlock ?? lock, agreement, ticks: noTicks }
  const signature = crypto.sign(
    hashPromise(crypto, changes.channel ?? terms.channel, of),
    (changes.signer ?? alice).privateKey,
  )
  return { consumer: (changes.consumer ?? alice).identity, promise: of, signature }
}
function pay(state: InvoicerState, of: SignedPromise): InvoicerState {
  const accepted = acceptPromise(crypto, state, terms, of)
  if (!accepted.ok) throw new Error(accepted.refusal.code)
  return accepted.value
}
const codeOf = (state: InvoicerState, of: SignedPromise) => {
  const accepted = acceptPromise(crypto, state, terms, of)
  return accepted.ok ? 'accepted' : accepted.refusal.code
}

const [begun, first] = startInvoicing(terms, 0, lock, terms.firstCredit)

test('asks a little ahead, with the very start', () => {
  expect(first).toEqual({ total: 30n, hashlock: lock })
  expect(begun).toMatchObject({ phase: 'serving', invoicedTotal: 30n, issued: [first] })
})

describe('W4: what counts as payment is refused, in this order, for', () => {
  const [state] = tick(pay(begun, promise(30n)), 5_000)
  const good = promise(5_000n, { amount: 6_000n })
  const rows: [code: string, of: SignedPromise][] = [
    ['promise-wrong-consumer', { ...promise(5_000n, { provider: dave }), consumer: mallory.identity }],
    ['promise-wrong-provider', promise(5_000n, { provider: dave, id: word(2) })],
    ['promise-wrong-agreement', promise(5_000n, { id: word(2), hashlock: word(8) })],
    ['promise-no-such-invoice', promise(5_001n, { amount: 0n })],
    ['promise-no-such-invoice', promise(4_999n)],
    ['promise-no-such-invoice', promise(5_000n, { hashlock: word(8) })],
    ['promise-no-such-invoice', promise(30n)],
    ['promise-amount-short', promise(5_000n, { amount: 4_999n, signer: mallory })],
    ['promise-amount-short', promise(5_000n, { amount: 0n })],
    ['promise-over-capacity', promise(5_000n, { amount: terms.capacity + 1n, signer: mallory })],
    ['promise-over-capacity', promise(5_000n, { amount: 10n ** 30n })],
    ['promise-wrong-signer', promise(5_000n, { signer: mallory })],
    ['promise-wrong-signer', promise(5_000n, { channel: { ...terms.channel, chainId: 2n } })],
    ['promise-wrong-signer', promise(5_000n, { channel: { ...terms.channel, channel: `0x${'c2'.repeat(20)}` } })],
    ['promise-wrong-signer', { ...good, promise: { ...good.promise, amount: 7_000n } }],
    ['promise-wrong-signer', { ...good, promise: { ...good.promise, ticks: { ...noTicks, value: 1n } } }],
    ['promise-wrong-signer', { ...good, signature: good.signature.subarray(1) }],
  ]
  test.each(rows)('%s (%#)', (code, of) => expect(codeOf(state, of)).toBe(code))

  test('nothing else: the good one counts', () => {
    expect(pay(state, good)).toMatchObject({ paidTotal: 5_000n, paidAmount: 6_000n, issued: [] })
  })
})

test('a promise counts once, and pays every older invoice with it', () => {
  const [two] = tick(begun, 5_000)
  const paid = pay(two, promise(5_000n))
  expect(codeOf(paid, promise(5_000n))).toBe('promise-no-such-invoice')
  expect(codeOf(paid, promise(30n))).toBe('promise-no-such-invoice')
})

describe('invoices', () => {
  const sent = (state: InvoicerState, nowMs: number, usedMs = nowMs) =>
    tick(state, nowMs, usedMs)[1].filter(({ kind }) => kind === 'send-invoice')
  const paid = pay(begun, promise(30n))

  test('come at the interval, sooner when enough is due, never faster than the pace', () => {
    expect(sent(paid, 4_999, 3_000)).toEqual([])
    expect(sent(paid, 5_000, 1_000)).toEqual([])
    expect(sent(paid, 5_000, 1_530)).toEqual([{ kind: 'send-invoice', total: 1_530n, hashlock: lock }])
    expect(sent(paid, 6_667, 1_000)).toEqual([{ kind: 'send-invoice', total: 1_000n, hashlock: lock }])
  })

  test('are not worth less than the accountant takes', () => {
    expect(sent(paid, 60_000, 39)).toEqual([])
    expect(sent(paid, 60_000, 40)).toHaveLength(1)
  })

  test('grow apart while they are paid, up to the pace of the session', () => {
    let state = pay(begun, promise(30n))
    const intervals = [state.intervalMs]
    for (let round = 1; round < 40; round++) {
      const total = 30n + 10n * BigInt(round)
      state = pay({ ...state, issued: [{ total, hashlock: lock }] }, promise(total))
      intervals.push(state.intervalMs)
    }
    expect(intervals.slice(0, 3)).toEqual([6_667, 8_890, 11_854])
    expect(intervals.at(-1)).toBe(terms.maxInvoiceMs)
  })

  test('stop after eight that nobody answers', () => {
    let state = begun
    let count = 1
    for (let nowMs = 0; nowMs < 40_000; nowMs += 500) {
      const [next, actions] = tickInvoicer(
        state,
        { ...terms, minInvoiceMs: 500 },
        { nowMs, usage: used(nowMs), hashlock: lock, overLimit: false },
      )
      count += actions.filter(({ kind }) => kind === 'send-invoice').length
      state = { ...next, intervalMs: 500 }
    }
    expect([count, state.issued.length]).toEqual([8, 8])
  })

  test('never fall, though the counters of the tunnel do', () => {
    const [state] = tick(begun, 5_000)
    expect(sent(state, 60_000, 100)).toEqual([])
  })
})

describe('exposure', () => {
  const kinds = (actions: readonly { kind: string }[]) =>
    actions.map(({ kind }) => kind).filter((kind) => kind !== 'send-invoice')

  test('over twice the credit pauses at once, resumes with the credit, and ends after the grace', () => {
    const [at, none] = tick(begun, 6_000)
    expect([at.phase, kinds(none)]).toEqual(['serving', []])
    const [over, pausing] = tick(at, 6_001)
    expect([over.phase, kinds(pausing)]).toEqual(['paused', ['pause-service']])
    const [still, quiet] = tick(over, 50_000, 6_001)
    expect([still.phase, kinds(quiet)]).toEqual(['paused', []])
    const [again, resuming] = tick(creditInvoices(still, terms, 6_000n), 50_001, 6_001)
    expect([again.phase, kinds(resuming), again.overSinceMs]).toEqual(['serving', ['resume-service'], undefined])
    const [ended, ending] = tick(still, 56_001, 6_001)
    expect([ended.phase, kinds(ending)]).toEqual(['ended', ['end-session']])
    expect(tick(ended, 99_999)).toEqual([ended, []])
  })

  test('promised and not credited is exposure all the same', () => {
    const [state] = tick(pay(tick(begun, 5_000)[0], promise(5_000n)), 6_001)
    expect(state.phase).toBe('paused')
  })

  test('over the limit of all sessions together pauses this one', () => {
    const [over, actions] = tick(begun, 10, 10, true)
    expect([over.phase, kinds(actions)]).toEqual(['paused', ['pause-service']])
    expect(tick(over, 20, 10, false)[0].phase).toBe('serving')
  })

  test('without a first credit nothing is served before a promise is credited', () => {
    const [bare] = startInvoicing(terms, 0, lock, 0n)
    const [waiting] = tick(bare, 1, 0)
    expect(waiting.phase).toBe('paused')
    const [paid] = tick(pay(waiting, promise(30n)), 2, 0)
    expect(paid.phase).toBe('paused')
    const [served] = tick(creditInvoices(paid, terms, 30n), 3, 0)
    expect([served.phase, served.credit]).toEqual(['serving', terms.firstCredit])
  })

  test('the credit grows by a third with what is credited, up to its limit', () => {
    let state = begun
    const credits: bigint[] = []
    for (let total = 100n; total < 2_000n; total += 100n) {
      state = creditInvoices(state, terms, total)
      credits.push(state.credit)
    }
    expect(credits.slice(0, 3)).toEqual([4_000n, 5_333n, 7_110n])
    expect(credits.at(-1)).toBe(terms.maxCredit)
    expect(creditInvoices(state, terms, 50n)).toBe(state)
  })

  /** Traffic, promises and credits at random; a tick after each. */
  const moves = fc.array(
    fc.record({
      waitMs: fc.nat(3_000),
      bytesMs: fc.nat(20_000),
      pays: fc.constantFrom('all', 'oldest', 'none', 'none'),
      credits: fc.boolean(),
      overLimit: fc.constantFrom(false, false, false, true),
    }),
    { minLength: 1, maxLength: 60 },
  )

  test('P10: over any traffic, no service runs while more than twice the credit is out', () => {
    let paused = 0
    let resumed = 0
    fc.assert(
      fc.property(moves, (taken) => {
        let state = begun
        let [nowMs, usedMs] = [0, 0]
        for (const { waitMs, bytesMs, pays, credits, overLimit } of taken) {
          nowMs += waitMs
          if (state.phase === 'serving') usedMs += bytesMs
          const due = pays === 'all' ? state.issued.at(-1) : pays === 'oldest' ? state.issued[0] : undefined
          if (due !== undefined) state = pay(state, promise(due.total, { hashlock: due.hashlock }))
          if (credits) state = creditInvoices(state, terms, state.paidTotal)
          const before = state.phase
          const [next, actions] = tick(state, nowMs, usedMs, overLimit)
          const cost = totalCost(terms.price, used(usedMs))
          const exposure = (cost > next.invoicedTotal ? cost : next.invoicedTotal) - next.creditedTotal
          if (next.phase === 'serving') expect(exposure <= 2n * next.credit && !overLimit).toBe(true)
          else expect(exposure > 2n * next.credit || overLimit || before === 'ended').toBe(true)
          expect(next.credit <= terms.maxCredit && next.paidTotal <= next.invoicedTotal).toBe(true)
          expect(next.creditedTotal <= next.paidTotal && next.invoicedTotal >= state.invoicedTotal).toBe(true)
          expect(next.issued.length).toBeLessThanOrEqual(8)
          paused += Number(before === 'serving' && next.phase === 'paused')
          resumed += Number(before === 'paused' && next.phase === 'serving')
          const words = actions.map(({ kind }) => kind)
          expect(words.includes('pause-service')).toBe(before === 'serving' && next.phase === 'paused')
          expect(words.includes('resume-service')).toBe(before === 'paused' && next.phase === 'serving')
          state = next
        }
      }),
      { numRuns: 300 },
    )
    expect([paused > 20, resumed > 20]).toEqual([true, true])
  })

  test('P14: a clock that jumps changes no total', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 13), max: 10 ** 13 }), (jumpMs) => {
        const [state] = tick(begun, jumpMs, 5_000)
        expect([30n, 5_000n]).toContain(state.invoicedTotal)
      }),
    )
  })
})

describe('the last invoice', () => {
  test('asks for the last stretch, and is the last', () => {
    const [ended, last] = finalInvoice(pay(begun, promise(30n)), terms, used(777), lock)
    expect([ended.phase, last]).toEqual(['ended', { total: 777n, hashlock: lock }])
    expect(pay(ended, promise(777n)).paidTotal).toBe(777n)
    expect(tick(ended, 10 ** 9)).toEqual([ended, []])
  })

  test('is not sent for less than the accountant takes', () => {
    expect(finalInvoice(pay(begun, promise(30n)), terms, used(39), lock)[1]).toBeUndefined()
    expect(finalInvoice(pay(begun, promise(30n)), terms, used(40), lock)[1]?.total).toBe(40n)
  })

  test('asks again for the one whose promise is still on its way, where less than that is due above it', () => {
    // A total a little above it would be promised, and refused by the accountant for ever.
    expect(finalInvoice(begun, terms, used(39), lock)[1]?.total).toBe(30n)
  })
})

test('an exchange is wanted for the first promise, and at half the credit', () => {
  const paid = pay(begun, promise(30n))
  expect([wantsExchange(paid), wantsExchange(creditInvoices(paid, terms, 30n))]).toEqual([true, false])
  const state = { ...creditInvoices(paid, terms, 30n), credit: 4_000n }
  expect(wantsExchange({ ...state, paidTotal: 2_029n })).toBe(false)
  expect(wantsExchange({ ...state, paidTotal: 2_030n })).toBe(true)
})
