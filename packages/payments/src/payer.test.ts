import {
  address,
  type Bytes32,
  bytes32,
  decodeMessage,
  encodeMessage,
  field,
  type Invoice,
  invoiceSchema,
  message,
  noTicks,
  type PaymentPromise,
  toHex,
  totalCost,
  uint,
  uintToBytes,
} from '@myst/protocol'
import { alice, bob, dave } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  adoptAmount,
  agreementKey,
  answerInvoice,
  emptyPayer,
  forgetAgreement,
  type PayerAgreement,
  type PayerFacts,
  type PayerState,
  type PayerTerms,
  promiseOf,
} from './payer.ts'

const word = (value: number): Bytes32 => toHex(uintToBytes(BigInt(value)))
const terms: PayerTerms = {
  provider: bob.identity,
  agreementId: word(1),
  price: { perHour: 3_600_000n, perGib: 0n },
  pace: { minInvoiceMs: 5_000, maxInvoiceMs: 60_000, maxInvoiceAmount: 100n },
  budget: 50_000n,
}
/** A base unit a millisecond. */
const facts = (durationMs: number, changes: Partial<PayerFacts> = {}): PayerFacts => ({
  nowMs: durationMs,
  usage: { durationMs: BigInt(durationMs), bytes: 0n },
  capacity: 1_000_000n,
  sessionOpen: true,
  ...changes,
})
const invoice = (total: bigint, changes: Partial<Invoice> = {}): Invoice => ({
  agreementId: terms.agreementId,
  total,
  hashlock: word(7),
  durationMs: 0n,
  bytes: 0n,
  ...changes,
})

function answer(state: PayerState, of: Invoice, at: PayerFacts, by = terms): [PayerState, PaymentPromise] {
  const answered = answerInvoice(state, of, by, at)
  if (!answered.ok) throw new Error(answered.refusal.code)
  return [answered.value.state, answered.value.promise]
}
const codeOf = (state: PayerState, of: Invoice, at: PayerFacts, by = terms): string => {
  const answered = answerInvoice(state, of, by, at)
  return answered.ok ? 'promised' : answered.refusal.code
}

const [paid] = answer(emptyPayer, invoice(1_000n), facts(1_000))

test('promises what the invoice asks, and remembers it', () => {
  const [state, promise] = answer(emptyPayer, invoice(1_000n), facts(1_000))
  const agreement = { id: terms.agreementId, provider: bob.identity, total: 1_000n }
  expect(promise).toEqual({ amount: 1_000n, hashlock: word(7), agreement, ticks: noTicks })
  expect(state.amount).toBe(1_000n)
  expect(promiseOf(state.agreements.get(agreementKey(bob.identity, terms.agreementId)) as PayerAgreement)).toEqual(
    promise,
  )
})

describe('refuses, in this order', () => {
  interface Row {
    readonly code: string
    readonly invoice?: Partial<Invoice>
    readonly facts?: Partial<PayerFacts>
    readonly terms?: Partial<PayerTerms>
  }
  // Each row is run together with all that follow it, so that the order shows as well.
  const rows: readonly Row[] = [
    { code: 'invoice-no-session', facts: { sessionOpen: false } },
    { code: 'invoice-wrong-agreement', invoice: { agreementId: word(2) } },
    { code: 'invoice-zero-lock', invoice: { hashlock: word(0) } },
    { code: 'invoice-total-lowered', invoice: { total: 999n } },
    { code: 'invoice-over-measured', invoice: { total: 10_301n } },
    { code: 'invoice-too-early', invoice: { total: 1_010n }, facts: { invoicedAtMs: 5_001 } },
    { code: 'invoice-over-budget', terms: { budget: 1_009n } },
    { code: 'invoice-over-capacity', facts: { capacity: 1_009n } },
  ]
  const whole = (index: number): Required<Row> =>
    rows.slice(index).reduceRight<Required<Row>>(
      (later, row) => ({
        code: row.code,
        invoice: { ...later.invoice, ...row.invoice },
        facts: { ...later.facts, ...row.facts },
        terms: { ...later.terms, ...row.terms },
      }),
      { code: '', invoice: { total: 1_010n }, facts: {}, terms: {} },
    )

  test.each(rows.map((row, index) => [row.code, whole(index)] as const))('%s', (code, row) => {
    const changed = invoice(row.invoice.total ?? 0n, row.invoice)
    expect(codeOf(paid, changed, facts(10_000, row.facts), { ...terms, ...row.terms })).toBe(code)
  })

  test('invoice-repeated: the same total a third time, under a third lock', () => {
    const [again] = answer(paid, invoice(1_000n, { hashlock: word(8) }), facts(1_000))
    expect(codeOf(again, invoice(1_000n, { hashlock: word(9) }), facts(1_000))).toBe('invoice-repeated')
  })

  test('invoice-repeated: a first invoice over nothing', () => {
    expect(codeOf(emptyPayer, invoice(0n), facts(10_000))).toBe('invoice-repeated')
  })
})

describe('draws the line exactly', () => {
  const rows: [what: string, code: string, of: Invoice, at: PayerFacts, by?: Partial<PayerTerms>][] = [
    ['2 % and one invoice above what was measured', 'promised', invoice(10_300n), facts(10_000)],
    ['the whole budget', 'promised', invoice(1_010n), facts(10_000), { budget: 1_010n }],
    ['no budget but the channel', 'promised', invoice(1_010n), facts(10_000, { capacity: 1_010n })],
    ['the pace itself', 'promised', invoice(1_010n), facts(10_000, { invoicedAtMs: 5_000 })],
    ['early, with half an invoice due', 'promised', invoice(1_050n), facts(10_000, { invoicedAtMs: 9_999 })],
    ['early, with less due', 'invoice-too-early', invoice(1_049n), facts(10_000, { invoicedAtMs: 9_999 })],
    ['early, but the last', 'promised', invoice(1_001n, { final: true }), facts(10_000, { invoicedAtMs: 9_999 })],
    ['the first may come at once', 'promised', invoice(1_001n), facts(10_000)],
    ['the advance of a session that just began', 'promised', invoice(1_100n), facts(1_000)],
  ]
  test.each(rows)('%s: %s', (_, code, of, at, by) => expect(codeOf(paid, of, at, { ...terms, ...by })).toBe(code))

  test('bytes in flight count as one invoice: 20 MiB where that is more', () => {
    const byBytes = { ...terms, price: { perHour: 0n, perGib: 1024n * 1_000n } }
    const at = facts(0, { usage: { durationMs: 0n, bytes: 100n << 20n } })
    expect(codeOf(emptyPayer, invoice(102_000n + 20_000n), at, { ...byBytes, budget: 10n ** 9n })).toBe('promised')
    expect(codeOf(emptyPayer, invoice(102_001n + 20_000n), at, { ...byBytes, budget: 10n ** 9n })).toBe(
      'invoice-over-measured',
    )
  })
})

describe('the same total again', () => {
  test('under the same lock is the same promise, however often', () => {
    const [state, first] = answer(emptyPayer, invoice(1_000n), facts(1_000))
    for (let times = 0; times < 5; times++) expect(answer(state, invoice(1_000n), facts(1_000))).toEqual([state, first])
  })

  test('under another lock is signed again at the same amount: it costs nothing', () => {
    const [state, promise] = answer(paid, invoice(1_000n, { hashlock: word(8) }), facts(1_000))
    expect([state.amount, promise.amount, promise.hashlock]).toEqual([1_000n, 1_000n, word(8)])
    const [next] = answer(state, invoice(1_100n, { hashlock: word(9) }), facts(1_100))
    expect(codeOf(next, invoice(1_100n, { hashlock: word(10) }), facts(1_100))).toBe('promised')
  })
})

test('W27: what a provider adds to its invoice is neither read nor signed', () => {
  const greedy = message({
    agreementId: field(0, bytes32),
    total: field(1, uint(256)),
    hashlock: field(2, bytes32),
    durationMs: field(3, uint(53)),
    bytes: field(4, uint(64)),
    fee: field(9, uint(256)),
    payTo: field(10, address),
  })
  const bytes = encodeMessage(greedy, { ...invoice(1_000n), fee: 10n ** 30n, payTo: dave.identity })
  const read = decodeMessage(invoiceSchema, bytes)
  if (!read.ok) throw new Error(read.refusal.code)
  expect(read.value).toEqual(invoice(1_000n))
  expect(answer(emptyPayer, read.value, facts(1_000))[1]).toEqual(answer(emptyPayer, invoice(1_000n), facts(1_000))[1])
})

describe('over any traffic and any provider', () => {
  const price = terms.price
  const steps = fc.array(
    fc.record({
      session: fc.nat(2),
      waitMs: fc.nat(20_000),
      /** Asked on top of what this session has promised; a greedy provider asks anything. */
      ask: fc.oneof(fc.bigInt(0n, 200n), fc.bigInt(0n, 30_000n), fc.bigInt(-500n, 10n ** 12n)),
      lock: fc.integer({ min: 0, max: 3 }),
      switchedId: fc.boolean(),
      final: fc.boolean(),
      crash: fc.constantFrom('no', 'no', 'before-send', 'after-send' as const),
    }),
    { minLength: 1, maxLength: 40 },
  )
  type Step = (typeof steps extends fc.Arbitrary<readonly (infer S)[]> ? S : never) & object

  /** How the caller treats the state; only the first is right. */
  type Caller = 'durable before sent' | 'sent before durable' | 'in memory only'

  /** Runs the steps as a node would, and checks what leaves it. @throws where a rule is broken. */
  function run(taken: readonly Step[], caller: Caller): void {
    let state = emptyPayer
    let disk = emptyPayer
    let nowMs = 0
    let highest = 0n
    const sent = new Map<bigint, string>()
    const lastOf = new Map<string, bigint>()
    const send = (promise: PaymentPromise) => {
      const { id, total } = promise.agreement
      const before = sent.get(promise.amount)
      if (before !== undefined && before !== `${id}/${total}`) throw new Error('one amount for two agreements')
      if (before === undefined && promise.amount <= highest) throw new Error('the amount did not grow')
      sent.set(promise.amount, `${id}/${total}`)
      if (promise.amount > highest) highest = promise.amount
      lastOf.set(id, total)
    }
    for (const { session, waitMs, ask, lock, switchedId, final, crash } of taken) {
      nowMs += waitMs
      const by = { ...terms, agreementId: word(session + 1) }
      const total = (state.agreements.get(agreementKey(by.provider, by.agreementId))?.total ?? 0n) + ask
      if (total < 0n) continue
      const agreementId = switchedId ? word(90 + session) : by.agreementId
      const asked = invoice(total, { agreementId, hashlock: word(lock), final })
      const answered = answerInvoice(state, asked, by, facts(nowMs))
      if (answered.ok) {
        if (switchedId) throw new Error('signed for another agreement')
        state = answered.value.state
        if (caller === 'durable before sent') disk = state
        if (crash !== 'before-send') send(answered.value.promise)
        if (caller === 'sent before durable' && crash !== 'after-send') disk = state
      }
      if (crash === 'no') continue
      state = caller === 'in memory only' ? emptyPayer : disk
      if (state.amount < highest) throw new Error('forgot what it had promised')
      for (const agreement of state.agreements.values()) send(promiseOf(agreement))
    }
    const sum = [...state.agreements.values()].reduce((all, { total }) => all + total, 0n)
    if (sum !== state.amount) throw new Error('the totals are not the amount')
    const allowed = (totalCost(price, { durationMs: BigInt(nowMs), bytes: 0n }) * 102n + 99n) / 100n + 100n
    for (const total of lastOf.values()) {
      if (total > allowed) throw new Error('paid more than was used')
      if (total > 50_000n) throw new Error('paid more than the budget')
    }
  }

  test('P1–P5: amounts grow, totals sum up to the amount, nothing is paid twice or beyond its limits', () => {
    fc.assert(
      fc.property(steps, (taken) => run(taken, 'durable before sent')),
      { numRuns: 500 },
    )
  })

  test('W2, W3: the same check catches a caller that sends first, or keeps nothing', () => {
    const fails = (caller: Caller) => () =>
      fc.assert(
        fc.property(steps, (taken) => run(taken, caller)),
        { numRuns: 500 },
      )
    expect(fails('sent before durable')).toThrow('Property failed')
    expect(fails('in memory only')).toThrow('Property failed')
  })

  test('W2: two ledgers that read and then add promise one amount twice; one ledger cannot', () => {
    const at = facts(1_000)
    const other = { ...terms, agreementId: word(2) }
    const [serial, first] = answer(emptyPayer, invoice(1_000n), at)
    const [, second] = answer(serial, invoice(1_000n, { agreementId: word(2) }), at, other)
    const [, stale] = answer(emptyPayer, invoice(1_000n, { agreementId: word(2) }), at, other)
    expect([first.amount, second.amount, stale.amount]).toEqual([1_000n, 2_000n, 1_000n])
  })
})

test('W1: a new agreement id in a running session is refused, whatever it asks', () => {
  const ids = fc.integer({ min: 2, max: 2 ** 31 })
  fc.assert(
    fc.property(ids, fc.bigInt(0n, 10n ** 30n), (id, total) => {
      expect(codeOf(paid, invoice(total, { agreementId: word(id) }), facts(10_000))).toBe('invoice-wrong-agreement')
    }),
  )
})

describe('a session that ended', () => {
  test('is forgotten, and the amount is not', () => {
    const forgotten = forgetAgreement(paid, bob.identity, terms.agreementId)
    expect(forgotten.agreements.size).toBe(0)
    expect(forgotten.amount).toBe(1_000n)
    expect(paid.agreements.size).toBe(1)
  })

  test('of another provider with the same id is another', () => {
    const [both] = answer(paid, invoice(500n), facts(1_000), { ...terms, provider: alice.identity })
    expect([...both.agreements.values()].map(({ total, amount }) => [total, amount])).toEqual([
      [1_000n, 1_000n],
      [500n, 1_500n],
    ])
  })
})

describe('P6: after a restored backup', () => {
  test('goes on above its own promise that was shown to it, and never back', () => {
    expect(adoptAmount(paid, 5_000n, 100n).amount).toBe(5_100n)
    expect(adoptAmount(paid, 10n, 100n)).toBe(paid)
    expect(adoptAmount(paid, 900n, 100n)).toBe(paid)
    expect(adoptAmount(paid, 901n, 100n).amount).toBe(1_001n)
  })

  test('the next promise is above everything shown', () => {
    const [, promise] = answer(adoptAmount(paid, 5_000n, 100n), invoice(1_010n), facts(10_000))
    expect(promise.amount).toBe(5_110n)
    expect(promise.agreement.total).toBe(1_010n)
  })
})
