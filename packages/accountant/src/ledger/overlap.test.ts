/**
 * Groups overlap: one is committed while the next is decided on top of it. Shown for ledgers whose signer and disk take
 * their time, and shown to fail for those with a mistake.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { Fault, referenceCrypto } from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { alice, type Mistake, person } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import type { SignDecisions } from './answer.ts'
import { randomOf } from './crash.fixture.ts'
import { ledgerWith } from './mistakes.fixture.ts'
import type { Subject } from './solvency.fixture.ts'
import * as ledger from './testing.ts'
import { commandOf, item, lockOf, toySign, word } from './testing.ts'
import { verifyLog } from './verify-log.ts'

const random = randomOf(11)
const some = async () => {
  for (let turns = Math.floor(random() * 6); turns > 0; turns--) await turn()
}

/** Each provider draws on Alice's one channel, so that whoever is decided without the one before is found out. */
const commandAt = (index: number) => {
  const provider = person(BigInt(500 + index)).identity
  const lock = lockOf(provider, 1n)
  const items = [
    item({ consumer: alice.identity, provider, amount: BigInt(10 * (1 + index)), total: 10n, lock, id: word(1) }),
  ]
  return commandOf({ provider, epoch: 1n, hashlock: lock, previousAmount: 0n, items })
}

function slow(fails: { signing?: number; append?: number } = {}) {
  const store = createMemoryLedgerStore()
  let [signings, appends, atOnce, mostAtOnce] = [0, 0, 0, 0]
  const sign: SignDecisions = async (decisions) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    const fail = ++signings === fails.signing
    await some()
    atOnce--
    if (fail) throw new Error('the key is away')
    return toySign(decisions)
  }
  const slowStore: LedgerStore = {
    ...store,
    async append(next) {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      const fail = ++appends === fails.append
      await some()
      atOnce--
      if (fail) throw new Fault('store-full', {})
      await store.append(next)
    },
  }
  return { store, deps: { store: slowStore, crypto: referenceCrypto, sign }, mostAtOnce: () => mostAtOnce }
}

/** Everybody asks at some time and asks again till he is answered; @returns how often somebody had to. */
async function allAnswered(subject: Subject, fails?: { signing?: number; append?: number }): Promise<number> {
  const { store, deps, mostAtOnce } = slow(fails)
  const opened = await subject.openLedger(deps)
  let again = 0
  await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      for (let wait = index; wait > 0; wait--) await turn()
      for (;;) {
        const result = await opened.apply(commandAt(index)).catch((fault: Fault) => fault)
        if (!(result instanceof Fault)) return expect(result.kind).toBe('answered')
        again += 1
        if (again > 400) throw result
        await some()
      }
    }),
  )
  expect(mostAtOnce()).toBe(2)
  // All of them drew on the channel, each on top of those before.
  const account = opened.get('channels', commandAt(0).facts[0]?.channel ?? '')
  expect(account?.open.map(({ delta }) => delta)).toEqual(Array.from({ length: 40 }, () => 10n))
  expect(opened.get('totals', 'all')).toMatchObject({ batches: 40, credited: 400n })
  await opened.close()
  await verifyLog(store, referenceCrypto)
  return again
}

const keepsWhatFollows: Mistake = {
  what: 'keeps what was decided on top',
  file: 'ledger.ts',
  find: 'if (failed !== undefined) throw failed',
  put: '',
}

const rules: readonly { name: string; check(subject: Subject): Promise<unknown>; mistakes: readonly Mistake[] }[] = [
  {
    name: 'A11: overlapping groups give what they give one after the other',
    check: async (subject) => expect(await allAnswered(subject)).toBe(0),
    mistakes: [
      {
        what: 'decides on what is durable only',
        file: 'ledger.ts',
        find: '(before?.group.draft ?? state).get(table, key)',
        put: 'state.get(table, key)',
      },
      { what: 'commits in any order', file: 'ledger.ts', find: 'await before?.landed', put: 'undefined' },
    ],
  },
  {
    name: 'a group whose signatures fail takes with it what was decided on top, and nothing later',
    check: async (subject) => expect(await allAnswered(subject, { signing: 5 })).toBeGreaterThan(0),
    mistakes: [keepsWhatFollows],
  },
  {
    name: 'a full disk as well',
    check: async (subject) => expect(await allAnswered(subject, { append: 5 })).toBeGreaterThan(0),
    mistakes: [keepsWhatFollows],
  },
]

describe.each(rules)('$name', ({ check, mistakes }) => {
  test('holds', () => check(ledger))

  test.each(mistakes)('fails for a ledger that $what', { timeout: 30_000 }, async (planted) => {
    const mistaken = await ledgerWith(planted)
    await expect(check(mistaken)).rejects.toThrow()
  })
})
