/**
 * Bounties in the ledger: granted once, promised once, over restarts, replays and restores; shown to fail for ledgers with a
 * mistake.
 */

import { type Address, type BatchAnswer, batchAnswerSchema, decodeMessage, referenceCrypto } from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { alice, bob, carol, type Mistake, mallory } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import type { CommandOf } from './commands.ts'
import type { Ledger } from './ledger.ts'
import { ledgerWith } from './mistakes.fixture.ts'
import { adopting, answerOf, nobody, openStory, restored } from './recovery.fixture.ts'
import type { Subject } from './solvency.fixture.ts'
import * as honest from './testing.ts'
import { commandOf, item, lockOf, pendingBounty, preimageOf, revealedOf, word } from './testing.ts'

const { identity: provider } = bob
const feeRate = 2000

const grant = (plan: number, amount: bigint, to: Address = provider): CommandOf<'grant-bounty'> => ({
  kind: 'grant-bounty',
  plan: word(plan),
  provider: to,
  amount,
})

/** Of each epoch ten more of Alice's, of which Bob gets eight. */
function batchOf(epoch: bigint, previousAmount: bigint, takesBounty = true): CommandOf<'exchange'> {
  const hashlock = lockOf(provider, epoch)
  const items = [item({ consumer: alice.identity, provider, amount: 10n * epoch, lock: hashlock })]
  const preimage = epoch === 1n ? {} : { lastPreimage: preimageOf(provider, epoch - 1n) }
  const batch = {
    provider,
    epoch,
    hashlock,
    previousAmount,
    items,
    ...preimage,
    ...(takesBounty ? { takesBounty } : {}),
  }
  return commandOf(batch, {}, { feeRate })
}

const credit = async (ledger: Ledger, epoch: bigint, before: bigint, takesBounty = true): Promise<BatchAnswer> =>
  answerOf(await ledger.apply(batchOf(epoch, before, takesBounty)))

/** What was promised is what was credited and what was given, and each is in its own sum. */
function expectSums(
  ledger: Pick<Ledger, 'get' | 'entries'>,
  credited: bigint,
  bounties: bigint,
  granted: bigint,
): void {
  const promised = [...ledger.entries('providers')].reduce((sum, [, { promise }]) => sum + promise.amount, 0n)
  expect(ledger.get('totals', 'all')).toMatchObject({ credited, bounties: { credited: bounties, granted } })
  expect(promised).toBe(credited + bounties)
}

interface Rule {
  readonly name: string
  check(subject: Subject & typeof honest): Promise<void>
  readonly mistakes: readonly Mistake[]
}
const mistake = (what: string, file: string, find: string, put: string): Mistake => ({ what, file, find, put })

const rules: readonly Rule[] = [
  {
    name: 'a plan grants a provider its bounty once, and another plan grants another one',
    async check({ openTestLedger }) {
      const store = createMemoryLedgerStore()
      const ledger = await openTestLedger(store)
      await credit(ledger, 1n, 0n)
      expect(await ledger.apply(grant(1, 5n))).toBe('granted')
      expect(await ledger.apply(grant(1, 5n))).toBe('known')
      const again = await openTestLedger(store)
      expect(await again.apply(grant(1, 5n))).toBe('known')
      expect(await again.apply(grant(2, 5n))).toBe('granted')
      expect(again.get('bounties', provider)).toEqual({ granted: 10n, credited: 0n })
    },
    mistakes: [
      mistake('forgets what it granted', 'bounties.ts', "draft.put('grants', key, { amount })", ''),
      mistake('knows one plan only', 'bounties.ts', "draft.get('grants', key)", "draft.get('bounties', provider)"),
    ],
  },
  {
    name: 'it is in the next promise, whole, without a fee, and in no later one',
    async check({ openTestLedger }) {
      const store = createMemoryLedgerStore()
      let ledger = await openTestLedger(store)
      const first = await credit(ledger, 1n, 0n)
      expect([first.promise.amount, first.bounty]).toEqual([8n, undefined])
      await ledger.apply(grant(1, 5n))
      ledger = await openTestLedger(store)
      const second = await credit(ledger, 2n, 8n)
      expect(second).toMatchObject({ credited: 8n, fee: 2n, bounty: 5n, promise: { amount: 21n } })
      expect(await credit(ledger, 2n, 8n)).toEqual(second)
      ledger = await openTestLedger(store)
      expect(await credit(ledger, 2n, 8n)).toEqual(second)
      const third = await credit(ledger, 3n, 21n)
      expect([third.promise.amount, third.bounty]).toEqual([29n, undefined])
      expectSums(ledger, 24n, 5n, 5n)
    },
    mistakes: [
      mistake('gives it with every batch', 'bounties.ts', 'creditBounty(draft, provider, pending)', ''),
      mistake(
        'promises without it',
        'exchange-batch.ts',
        'batch.previousAmount + credited + bounty',
        'batch.previousAmount + credited',
      ),
      mistake('does not say so', 'exchange-batch.ts', '...(bounty === 0n ? {} : { bounty })', ''),
      mistake(
        'counts it as credit',
        'exchange-batch.ts',
        'totals.credited + credited,',
        'totals.credited + credited + bounty,',
      ),
    ],
  },
  {
    name: 'a provider that would not know it in its answer keeps it till it does',
    async check({ openTestLedger }) {
      const ledger = await openTestLedger()
      await credit(ledger, 1n, 0n)
      await ledger.apply(grant(1, 5n))
      expect((await credit(ledger, 2n, 8n, false)).promise.amount).toBe(16n)
      expect((await credit(ledger, 3n, 16n)).promise.amount).toBe(29n)
    },
    mistakes: [mistake('gives it to anybody', 'bounties.ts', ' || takesBounty !== true', '')],
  },
  {
    name: 'a stranger gets none, and writes nothing',
    async check({ openTestLedger, bytesOf }) {
      const ledger = await openTestLedger()
      await credit(ledger, 1n, 0n)
      const before = bytesOf(ledger)
      expect(await ledger.apply(grant(1, 5n, mallory.identity))).toBe('stranger')
      expect(bytesOf(ledger)).toEqual(before)
    },
    mistakes: [mistake('grants to anybody', 'bounties.ts', "return 'stranger'", 'void 0')],
  },
  {
    name: 'a replay of the log comes out at it, byte for byte',
    async check({ openTestLedger, verifyLog, bytesOf }) {
      const store = createMemoryLedgerStore()
      const ledger = await openTestLedger(store)
      await credit(ledger, 1n, 0n)
      await ledger.apply(grant(1, 5n))
      await credit(ledger, 2n, 8n)
      await ledger.apply(grant(1, 5n))
      await ledger.apply(grant(2, 3n))
      const { state, commands } = await verifyLog(store, referenceCrypto)
      expect(bytesOf(state)).toEqual(bytesOf(ledger))
      expect(commands).toBe(4)
    },
    mistakes: [
      mistake(
        'leaves its grants out of the log',
        'ledger.ts',
        'if (!changed) return []',
        "if (!changed || command.kind === 'grant-bounty') return []",
      ),
    ],
  },
]

for (const { name, check, mistakes } of rules) {
  describe(name, () => {
    test('holds', () => check(honest as never))
    test.each(mistakes.map((one) => [one.what, one] as const))('fails for a ledger that %s', async (_, one) => {
      const subject = (await ledgerWith(one)) as never
      await expect(check(subject)).rejects.toThrow()
    })
  })
}

test('nothing of a bounty is to be paid out unasked while its batch is not revealed', async () => {
  const ledger = await honest.openTestLedger()
  await credit(ledger, 1n, 0n)
  await ledger.apply(grant(1, 5n))
  await credit(ledger, 2n, 8n)
  const account = ledger.get('providers', provider)
  expect(account && revealedOf(account)).toBe(8n)
})

describe('after a restore', () => {
  /** Bob's ten of Alice; then a grant of 5, a batch with it, one without; and so much of it is still there. */
  async function lost(commands: number) {
    const outside = nobody()
    const before = await openStory(outside)
    await before.exchange(provider, [{ consumer: alice.identity, delta: 10n }])
    await before.apply(grant(1, 5n))
    await before.exchange(provider, [{ consumer: alice.identity, delta: 7n }])
    await before.exchange(provider, [{ consumer: alice.identity, delta: 2n }])
    expect(before.answered.map(({ answer }) => answer.promise.amount)).toEqual([10n, 22n, 24n])
    const story = await restored(before.commands.slice(0, commands), outside, {})
    await story.ledger.apply({ kind: 'begin-recovery', atMs: 1n, reason: 'backup' })
    return { ledger: story.ledger, answered: before.answered, whole: before.ledger }
  }
  const pending = (ledger: Ledger) => pendingBounty(ledger.get('bounties', provider))

  test('an answer with a bounty is taken back, and the bounty that was pending is not given again', async () => {
    const { ledger, answered, whole } = await lost(2)
    expect(pending(ledger)).toBe(5n)
    for (const one of answered.slice(1)) {
      expect(await ledger.apply(adopting(one as never))).toEqual({ kind: 'adopted', unknown: 0n })
    }
    expect(pending(ledger)).toBe(0n)
    expect(ledger.get('totals', 'all')).toEqual(whole.get('totals', 'all'))
    expectSums(ledger, 19n, 5n, 5n)
  })

  test('a grant that was lost with the ledger is repeated, and adds nothing', async () => {
    const { ledger, answered, whole } = await lost(1)
    for (const one of answered.slice(1)) await ledger.apply(adopting(one as never))
    expect(ledger.get('bounties', provider)).toEqual({ granted: 0n, credited: 5n })
    expect(await ledger.apply(grant(1, 5n))).toBe('granted')
    expect(pending(ledger)).toBe(0n)
    expect(ledger.get('totals', 'all')).toEqual(whole.get('totals', 'all'))
  })

  test('an answer whose bounty is not in its promise is none', async () => {
    const { ledger, answered } = await lost(2)
    const [, second] = answered
    if (second === undefined) throw new Error('not answered')
    const wrong = { ...second, answer: { ...second.answer, bounty: 4n } }
    expect(await ledger.apply(adopting(wrong))).toMatchObject({ refusal: { code: 'recovery-wrong-answer' } })
  })

  test('what may have been given in answers that nobody has is not given again', async () => {
    const { ledger, answered } = await lost(2)
    const third = answered[2]
    if (third === undefined) throw new Error('not answered')
    expect(await ledger.apply(adopting(third, { afterHole: true }))).toMatchObject({ kind: 'refused' })
    const knownPreimage = preimageOf(provider, 1n)
    const adopted = await ledger.apply(adopting(third, { afterHole: true, knownPreimage }))
    expect([adopted.kind, pending(ledger)]).toEqual(['adopted', 0n])
    expectSums(ledger, 19n, 5n, 5n)
  })

  test('the newest promise alone takes it too', async () => {
    const { ledger, answered } = await lost(2)
    const promise = answered[2]?.answer.promise
    if (promise === undefined) throw new Error('not answered')
    const shown = { kind: 'adopt-newest', promise, knownPreimage: preimageOf(provider, 1n), credited: [] } as const
    expect(await ledger.apply(shown)).toMatchObject({ kind: 'adopted' })
    expect(pending(ledger)).toBe(0n)
    expectSums(ledger, 19n, 5n, 5n)
  })
})

test('of an answer without a bounty, not one byte is different', async () => {
  const ledger = await honest.openTestLedger()
  const result = await ledger.apply(batchOf(1n, 0n))
  if (result.kind === 'refused') throw new Error(result.refusal.code)
  const decoded = decodeMessage(batchAnswerSchema, result.answer.content, 1 << 20)
  expect(decoded).toMatchObject({ ok: true })
  expect(decoded.ok && 'bounty' in decoded.value).toBe(false)
  expect([ledger.get('bounties', provider), ledger.get('bounties', carol.identity)]).toEqual([undefined, undefined])
  expect(ledger.get('totals', 'all')).toEqual({ batches: 1, promises: 1, credited: 8n, fees: 2n })
})
