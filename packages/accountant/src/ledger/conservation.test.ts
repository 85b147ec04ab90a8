/**
 * Two providers' exchangers against the real ledger, over lost requests, lost answers, late locks, crashes and restarts:
 * at the end everything promised is credited, once, to the base unit.
 */

import {
  addPromise,
  adoptNewest,
  closeBatch,
  createExchanger,
  type ExchangerPolicy,
  type ExchangerState,
  restartExchanger,
  takeAnswer,
  uncredited,
} from '@myst/payments'
import { type Address, type Bytes32, batchAnswerSchema, decodeMessage } from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { alice, bob, carol, dave } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandOf, item, lockOf, openTestLedger, pendingBounty, preimageOf, reveal, word } from './testing.ts'

const people = { consumers: [alice.identity, dave.identity], providers: [bob.identity, carol.identity] } as const
const feeRate = 2000
const policy: ExchangerPolicy = { dueSum: 1n, maxAgeMs: 0, maxItems: 2 }

const steps = fc.record({
  provider: fc.constantFrom(0, 1),
  consumer: fc.constantFrom(0, 1),
  amount: fc.bigInt(1n, 50n),
  kind: fc.constantFrom(
    'invoice',
    'invoice',
    'pay',
    'pay',
    'pay',
    'close',
    'close',
    'exchange',
    'exchange',
    'request-lost',
    'answer-lost',
    'crash',
    'accountant-restarts',
    'reveal',
    'grant',
  ),
})
type Step = typeof steps extends fc.Arbitrary<infer S> ? S : never

/** A fault in the exchanger's caller, planted to see that the check finds it. */
type Planted = 'nothing' | 'a lost answer is taken for a refusal' | 'the open epoch is forgotten in a crash'

interface Provider {
  readonly identity: Address
  state: ExchangerState
  /** Lock and total of the newest invoice of each consumer; paid sooner or later. */
  readonly invoices: Map<Address, { readonly lock: Bytes32; readonly total: bigint }>
  readonly promised: Map<Address, bigint>
  finalRefusals: number
  /** What each plan granted; a plan is repeated now and then. */
  readonly granted: Map<bigint, bigint>
}

async function run(taken: readonly Step[], planted: Planted): Promise<void> {
  const store = createMemoryLedgerStore()
  let ledger = await openTestLedger(store)
  let nowMs = 1_000
  const spent = new Map<Address, bigint>()
  const providers = people.providers.map(
    (identity): Provider => ({
      identity,
      state: createExchanger(1n),
      invoices: new Map(),
      promised: new Map(),
      finalRefusals: 0,
      granted: new Map(),
    }),
  )

  const sums = (of: ReadonlyMap<unknown, bigint>) => [...of.values()].reduce((sum, value) => sum + value, 0n)

  function pay(of: Provider, consumer: Address): void {
    const invoice = of.invoices.get(consumer)
    const before = of.promised.get(consumer) ?? 0n
    if (invoice === undefined || invoice.total <= before) return
    const amount = (spent.get(consumer) ?? 0n) + invoice.total - before
    spent.set(consumer, amount)
    of.promised.set(consumer, invoice.total)
    const signed = item({
      consumer,
      provider: of.identity,
      amount,
      total: invoice.total,
      lock: invoice.lock,
      id: word(1),
    })
    of.state = addPromise(of.state, consumer, signed, nowMs, false)
  }

  function close(of: Provider): void {
    const { identity, state } = of
    if (state.inFlight !== undefined || (state.pending.size === 0 && state.retired.length === 0)) return
    const own = {
      provider: identity,
      lockOf: (epoch: bigint) => lockOf(identity, epoch),
      preimageOf: (epoch: bigint) => preimageOf(identity, epoch),
    }
    of.state = closeBatch(state, own, policy)
  }

  async function send(of: Provider, answerArrives: boolean): Promise<void> {
    if (of.state.inFlight === undefined) return
    const result = await ledger.apply(commandOf(of.state.inFlight.batch, {}, { feeRate }))
    if (!answerArrives) {
      if (planted !== 'a lost answer is taken for a refusal') return
      const { inFlight: _, ...given } = of.state
      of.state = given
      return
    }
    if (result.kind === 'refused') {
      if (result.newest === undefined) throw new Error(result.refusal.code)
      of.state = adoptNewest(of.state, result.newest)
      return
    }
    const answer = decodeMessage(batchAnswerSchema, result.answer.content, 1 << 20)
    if (!answer.ok) throw new Error(answer.refusal.code)
    const next = takeAnswer(of.state, answer.value, 3000, nowMs)
    if (!next.ok) throw new Error(next.refusal.code)
    of.finalRefusals += next.value.outcomes.filter(({ verdict }) => verdict.code !== undefined).length
    of.state = next.value.state
  }

  async function act({ kind, amount, ...who }: Step): Promise<void> {
    const of = providers[who.provider] as Provider
    const consumer = people.consumers[who.consumer] as Address
    switch (kind) {
      case 'invoice': {
        const total = (of.invoices.get(consumer)?.total ?? 0n) + amount
        of.invoices.set(consumer, { lock: lockOf(of.identity, of.state.epoch), total })
        return
      }
      case 'pay':
        return pay(of, consumer)
      case 'close':
        return close(of)
      case 'exchange':
        return send(of, true)
      case 'answer-lost':
        return send(of, false)
      case 'request-lost':
        return
      case 'crash': {
        const restarted = restartExchanger(of.state, nowMs)
        of.state = planted === 'the open epoch is forgotten in a crash' ? { ...restarted, retired: [] } : restarted
        return
      }
      case 'accountant-restarts':
        ledger = await openTestLedger(store)
        return
      case 'reveal': {
        const { newest } = of.state
        if (newest === undefined) return
        await reveal(ledger, of.identity, preimageOf(of.identity, newest.epoch))
        return
      }
      case 'grant': {
        const plan = amount % 5n
        const granted = { plan: word(plan), provider: of.identity, amount } as const
        const result = await ledger.apply({ kind: 'grant-bounty', ...granted })
        if (result === 'granted') of.granted.set(plan, amount)
      }
    }
  }

  function check(): void {
    for (const { state, promised, identity } of providers) {
      expect(state.creditedSum + state.feeSum + uncredited(state)).toBe(sums(promised))
      expect(state.newest?.amount ?? 0n).toBe(state.creditedSum + state.bountySum)
      expect(ledger.get('providers', identity)?.promise.amount ?? 0n).toBeGreaterThanOrEqual(
        state.creditedSum + state.bountySum,
      )
    }
  }

  for (const step of taken) {
    nowMs += 1
    await act(step)
    if (planted === 'nothing') check()
  }
  for (const of of providers) {
    for (const consumer of people.consumers) pay(of, consumer)
    for (let round = 0; round < 200 && (of.state.pending.size > 0 || of.state.inFlight !== undefined); round++) {
      close(of)
      await send(of, true)
    }
  }
  for (const { finalRefusals, state, promised, granted, identity } of providers) {
    const pending = pendingBounty(ledger.get('bounties', identity))
    expect(state.bountySum + pending).toBe(sums(granted))
    expect(finalRefusals).toBe(0)
    expect(uncredited(state)).toBe(0n)
    expect(state.creditedSum + state.feeSum).toBe(sums(promised))
  }
  check()
  const credited = providers.reduce((sum, { state }) => sum + state.creditedSum, 0n)
  const fees = providers.reduce((sum, { state }) => sum + state.feeSum, 0n)
  expect(ledger.get('totals', 'all') ?? { credited: 0n, fees: 0n }).toMatchObject({ credited, fees })
  expect(credited + fees).toBe(sums(spent))
  const given = providers.reduce((sum, { state }) => sum + state.bountySum, 0n)
  expect(ledger.get('totals', 'all')?.bounties?.credited ?? 0n).toBe(given)
}

/** Long ones: most of the short ones grant nothing to anybody who comes for it. */
const stories = fc.array(steps, { minLength: 1, maxLength: 80, size: 'max' })

test('P11, P13: everything that was promised is credited once, over any losses, crashes and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(stories, (taken) => run(taken, 'nothing')),
    { numRuns: 150 },
  )
})

describe('the same check finds', () => {
  const faults = ['a lost answer is taken for a refusal', 'the open epoch is forgotten in a crash'] as const
  test.each(faults)('%s', async (planted) => {
    const checking = fc.assert(
      fc.asyncProperty(stories, (taken) => run(taken, planted)),
      { numRuns: 5000, endOnFailure: true },
    )
    await expect(checking).rejects.toThrow('Property failed')
  })
})
