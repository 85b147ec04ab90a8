/**
 * The accountant's rules, as far as the ledger keeps them: each is shown, and each is shown to fail for ledgers with a mistake.
 *
 * A2's depth, A10 and chain time belong to the channel view; A6 and A9's addresses to the signatures; the holds to the
 * collector: they have their own tests.
 */

import { type Address, batchAnswerSchema, decodeMessage, Fault, referenceCrypto } from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { alice, bob, carol, dave, type Mistake, mallory, person } from '@myst/testkit'
import { describe, expect, test } from 'vitest'
import type { CommandOf, ItemFacts } from './commands.ts'
import { randomOf } from './crash.fixture.ts'
import type { ExchangeResult } from './exchange-batch.ts'
import { ledgerWith, withoutPrefix, withoutReveal } from './mistakes.fixture.ts'
import { createWorlds, nothing, type Subject, type World } from './solvency.fixture.ts'
import * as ledger from './testing.ts'
import { commandOf, item, lockOf, preimageOf, type Terms, word } from './testing.ts'

const long = process.env.MYST_LONG === '1'
const mistake = (what: string, file: string, find: string, put: string): Mistake => ({ what, file, find, put })
const inExchange = (what: string, find: string, put: string) => mistake(what, 'exchange-batch.ts', find, put)

interface Rule {
  readonly name: string
  /** Throws where the rule is broken. */
  check(subject: Subject): void | Promise<void>
  readonly mistakes: readonly Mistake[]
}

/** Bob's batch of an epoch; each promise adds ten to Alice's channel. */
function batchOf(epoch: bigint, of: BatchOptions = {}): CommandOf<'exchange'> {
  const { provider = bob.identity, consumer = alice.identity, amount = 10n * epoch, total = amount, ...more } = of
  const { before = 10n * (epoch - 1n), shows = epoch > 1n, facts = {}, terms = {} } = more
  const hashlock = more.lock ?? lockOf(provider, epoch)
  const preimage = shows ? { lastPreimage: preimageOf(provider, epoch - 1n) } : {}
  const items = [item({ consumer, provider, amount, total, lock: hashlock })]
  return commandOf({ provider, epoch, hashlock, previousAmount: before, items, ...preimage }, facts, terms)
}
interface BatchOptions {
  readonly provider?: `0x${string}`
  readonly consumer?: `0x${string}`
  readonly amount?: bigint
  readonly total?: bigint
  readonly before?: bigint
  readonly shows?: boolean
  readonly lock?: `0x${string}`
  readonly facts?: Partial<ItemFacts>
  readonly terms?: Terms
}

function answerOf(result: ExchangeResult) {
  if (result.kind === 'refused') throw new Error(result.refusal.code)
  const answer = decodeMessage(batchAnswerSchema, result.answer.content, 1 << 20)
  if (!answer.ok) throw new Error(answer.refusal.code)
  return answer.value
}
const refusalOf = (result: ExchangeResult) => (result.kind === 'refused' ? result.refusal.code : result.kind)
const codeOf = (result: ExchangeResult) => answerOf(result).verdicts[0]?.code ?? 'accepted'

const people = {
  consumers: [alice, dave, person(7n)].map(({ identity }) => identity),
  providers: [bob, carol, person(8n)].map(({ identity }) => identity),
}

const isSamePromise = (a: World['items'][number], b: World['items'][number]) =>
  a.consumer === b.consumer && a.provider === b.provider && a.amount === b.amount && a.total === b.total

/** One random story: batches of three consumers' promises at three providers, in any order, with anything withheld. */
function play(subject: Subject, seed: number): void {
  const random = randomOf(seed)
  const under = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(list: readonly T[]): T => list[under(list.length)] as T
  const { send, reveal, fastExit, fastExitLook, month, ruin, lock } = createWorlds(subject, people)
  let world = nothing
  /** What leaves each channel at once, and the nonce of it. */
  const leaving = new Map<Address, { amount: number; nonce: number }>()
  for (let step = 0; step < 10; step++) {
    const provider = pick(people.providers)
    if (under(4) === 0) world = reveal(world, provider)
    if (under(4) === 0) world = month(world)
    const epoch = (world.epochs[provider] ?? 0) + 1
    const wishes = Array.from({ length: 1 + under(3) }, () => {
      const amount = 1 + under(12)
      // Most under the epoch's lock; some late, under an older one; some under another provider's.
      const of = under(5) === 0 ? lock(pick(people.providers), 1 + under(epoch)) : lock(provider, epoch)
      return { consumer: pick(people.consumers), amount, total: 1 + under(amount), id: 1 + under(2), lock: of }
    })
    const capacity = 6 + under(8)
    const exit = pick(['none', 'none', 'early', 'late'] as const)
    const before = world.items.length
    const leaver = pick(people.consumers)
    const open = leaving.get(leaver)
    if (open === undefined) {
      const wish = { consumer: leaver, amount: 1 + under(capacity), nonce: step + 1, settled: 0, block: 0 }
      const opened = fastExit(world, { ...wish, capacity, pendingExit: exit !== 'none' })
      if (opened !== undefined) leaving.set(leaver, wish)
      const most = Math.max(0, ...world.items.filter((of) => of.consumer === leaver).map((of) => of.amount))
      if (opened !== undefined && (exit !== 'none' || most + wish.amount > capacity)) {
        throw new Error(`seed ${seed}, step ${step}: co-signed ${wish.amount} of ${capacity} above ${most}`)
      }
      world = opened ?? world
    } else if (under(3) === 0) {
      world = fastExitLook(world, leaver, { nonce: open.nonce, isNonceUsed: false, isLate: true, block: 0 })
      leaving.delete(leaver)
    }
    ;[world] = send(world, provider, wishes, { withhold: under(3) === 0, capacity, exit })
    const why = ruin(world)
    if (why !== undefined) throw new Error(`seed ${seed}, step ${step}: ${why}`)
    for (const one of world.items.slice(before)) {
      const { amount, consumer } = one
      const again = world.items.filter((of) => isSamePromise(of, one)).length > 1
      if (again) throw new Error(`seed ${seed}, step ${step}: A4: credited twice`)
      if (amount + (leaving.get(consumer)?.amount ?? 0) > capacity || exit === 'late')
        throw new Error(`seed ${seed}, step ${step}: A2: ${amount} of ${capacity}`)
    }
  }
}

/** A store that fails one append, and would take the next. */
function failingOnce(at: number): LedgerStore {
  const disk = createMemoryLedgerStore()
  let appends = 0
  return {
    ...disk,
    async append(next) {
      appends += 1
      if (appends === at) throw new Fault('store-failed')
      await disk.append(next)
    },
  }
}

const stories = long ? 300_000 : 10_000

const rules: readonly Rule[] = [
  {
    name: `A1, A3: solvent for every subset of preimages, over ${stories} random stories`,
    check(subject) {
      for (let seed = 1; seed <= stories; seed++) play(subject, seed)
    },
    mistakes: [
      withoutPrefix,
      withoutReveal,
      inExchange('takes any lock', "return 'promise-wrong-lock'", 'void 0'),
      inExchange('credits again what it forgot', "return 'promise-too-old'", 'void 0'),
      mistake(
        'forgets what is not under the floor',
        'floor.ts',
        'floor !== undefined && agreement.amount <= floor',
        'floor !== undefined',
      ),
      mistake('credits what leaves', 'fast-exit.ts', 'maxOf(0n, capacity - record.exit.amount)', 'capacity'),
      mistake('lets credited money leave', 'fast-exit.ts', 'account === undefined ? 0n : highestAmount(account)', '0n'),
      mistake(
        'forgets items under the highest revealed amount',
        'channel-account.ts',
        'revealedSum: covered.reduce((sum, { delta }) => sum + delta, account.revealedSum),',
        'revealedSum: account.revealedSum,',
      ),
    ],
  },
  {
    name: 'A2: nothing above the capacity that the chain showed, and all up to it',
    async check(subject) {
      const opened = await subject.openTestLedger()
      const facts = { capacity: 20n }
      expect(codeOf(await opened.apply(batchOf(1n, { amount: 20n, facts })))).toBe('accepted')
      const above = batchOf(2n, { amount: 21n, before: 20n, facts })
      expect(codeOf(await opened.apply(above))).toBe('promise-over-capacity')
    },
    mistakes: [
      inExchange(
        'never looks at the capacity',
        "if (amount > capacityLeft(draft, facts)) return 'promise-over-capacity'",
        '',
      ),
    ],
  },
  {
    name: 'A4, W30: an epoch is credited once: the same bytes get the same answer, others are never merged',
    async check(subject) {
      const store = createMemoryLedgerStore()
      let opened = await subject.openTestLedger(store)
      const first = await opened.apply(batchOf(1n))
      const before = subject.bytesOf(opened)
      for (const restart of [false, true]) {
        if (restart) opened = await subject.openTestLedger(store)
        const again = await Promise.all(Array.from({ length: 10 }, () => opened.apply(batchOf(1n))))
        for (const result of again) expect(result).toEqual(first)
        const other = await opened.apply(batchOf(1n, { amount: 500n }))
        expect(other).toEqual({ ...first, kind: 'already-answered' })
      }
      expect(subject.bytesOf(opened)).toEqual(before)
    },
    mistakes: [
      inExchange('knows no answered epoch', 'batch.epoch === provider.promise.epoch', 'false'),
      inExchange(
        'does not look at the digest',
        "digest === provider.digest ? 'answered' : 'already-answered'",
        "'answered'",
      ),
    ],
  },
  {
    name: 'A5: answered means durable, and after a failed sync nothing is answered',
    async check(subject) {
      const store = failingOnce(2)
      const opened = await subject.openTestLedger(store)
      await opened.apply(batchOf(1n))
      for (const epoch of [2n, 2n, 2n]) {
        await expect(opened.apply(batchOf(epoch))).rejects.toMatchObject({ code: 'ledger-stopped' })
      }
      expect(opened.running).toBe(false)
      expect(subject.bytesOf(await subject.openTestLedger(store))).toEqual(subject.bytesOf(opened))
    },
    mistakes: [
      mistake(
        'answers before it is durable',
        'ledger.ts',
        'await store.append(next)',
        'void Promise.resolve(store.append(next)).catch(() => {})',
      ),
      mistake('takes a retry for success', 'ledger.ts', "cause.code === 'store-full'", 'true'),
    ],
  },
  {
    name: 'A7: no promise falls, and no epoch comes back',
    async check(subject) {
      const store = createMemoryLedgerStore()
      let opened = await subject.openTestLedger(store)
      let highest = 0n
      for (let epoch = 1n; epoch <= 4n; epoch++) {
        const { amount } = answerOf(await opened.apply(batchOf(epoch))).promise
        expect(amount).toBeGreaterThan(highest)
        highest = amount
        opened = await subject.openTestLedger(store)
        expect(opened.get('providers', bob.identity)?.promise.amount).toBe(amount)
      }
      await subject.reveal(opened, bob.identity, preimageOf(bob.identity, 4n))
      const fresh = { total: 5n, shows: false, amount: 90n }
      expect(refusalOf(await opened.apply(batchOf(2n, { ...fresh, before: 40n })))).toBe('batch-epoch-behind')
      expect(refusalOf(await opened.apply(batchOf(5n, { ...fresh, before: 30n })))).toBe('batch-previous-amount')
      expect(refusalOf(await opened.apply(batchOf(5n, { ...fresh, before: 41n })))).toBe('batch-previous-amount')
    },
    mistakes: [
      inExchange('takes an epoch behind the newest', 'batch.epoch < provider.promise.epoch', 'false'),
      inExchange('believes what the provider says it holds', 'batch.previousAmount !== amount', 'false'),
    ],
  },
  {
    name: 'A8: one unrevealed batch of a provider at a time; a reveal on chain counts as one',
    async check(subject) {
      const opened = await subject.openTestLedger()
      await opened.apply(batchOf(1n))
      expect(refusalOf(await opened.apply(batchOf(2n, { shows: false })))).toBe('batch-wrong-preimage')
      expect(await subject.reveal(opened, carol.identity, preimageOf(bob.identity, 1n))).toBe(false)
      expect(await subject.reveal(opened, bob.identity, preimageOf(bob.identity, 1n))).toBe(true)
      expect(codeOf(await opened.apply(batchOf(2n, { shows: false })))).toBe('accepted')
    },
    mistakes: [
      withoutReveal,
      mistake('forgets that it was shown', 'reveal-preimage.ts', "draft.put('providers', provider, revealed)", ''),
    ],
  },
  {
    name: "A9: a promise in the domain of another accountant's channel credits nothing",
    async check(subject) {
      const opened = await subject.openTestLedger()
      // The signature that is good for the other channel recovers to somebody else for ours.
      expect(codeOf(await opened.apply(batchOf(1n, { facts: { signer: mallory.identity } })))).toBe(
        'promise-wrong-signer',
      )
      expect([...opened.entries('channels')]).toEqual([])
    },
    mistakes: [
      inExchange('believes any signer', "facts.signer === consumer ? undefined : 'promise-wrong-signer'", 'undefined'),
    ],
  },
  {
    name: 'A11: concurrent commands give what they give one after the other',
    async check(subject) {
      const providers = Array.from({ length: 8 }, (_, index) => person(BigInt(50 + index)).identity)
      const random = randomOf(3)
      for (let round = 0; round < 10; round++) {
        const commands = providers.map((provider) =>
          batchOf(1n, { provider, amount: BigInt(1 + Math.floor(random() * 40)), total: 1n + BigInt(round) }),
        )
        const [together, apart] = [await subject.openTestLedger(), await ledger.openTestLedger()]
        const results = await Promise.all(commands.map((command) => together.apply(command)))
        for (const [index, command] of commands.entries()) expect(await apart.apply(command)).toEqual(results[index])
        expect(subject.bytesOf(together)).toEqual(ledger.bytesOf(apart))
      }
    },
    mistakes: [
      mistake(
        'shows a command nothing of those before it in its group',
        'group.ts',
        'applyCommand(draft, crypto, command)',
        'applyCommand({ get: view.get, put: draft.put }, crypto, command)',
      ),
    ],
  },
  {
    name: 'A12: a refusal leaves no trace, not in the log either, and a flood of one keeps no other waiting',
    async check(subject) {
      const store = createMemoryLedgerStore()
      let appends = 0
      const counting: LedgerStore = {
        ...store,
        append(next) {
          appends += 1
          return store.append(next)
        },
      }
      const opened = await subject.openTestLedger(counting)
      await opened.apply(batchOf(1n))
      const before = subject.bytesOf(opened)
      const refused = await opened.apply(batchOf(2n, { before: 7n }))
      expect([refusalOf(refused), appends, subject.bytesOf(opened)]).toEqual(['batch-previous-amount', 1, before])

      const flood = Array.from({ length: 1_000 }, () => opened.apply(batchOf(1n, { provider: mallory.identity })))
      let floodDone = 0
      for (const one of flood) void one.then(() => floodDone++)
      await opened.apply(batchOf(1n, { provider: carol.identity, consumer: dave.identity }))
      expect(floodDone).toBeLessThan(10)
      await Promise.all(flood)
    },
    mistakes: [
      inExchange(
        'takes the preimage of a batch that it refuses',
        'if (known !== undefined) return { result: known }',
        'if (batch.lastPreimage !== undefined) revealPreimage(draft, crypto, batch.provider, batch.lastPreimage)\n' +
          'if (known !== undefined) return { result: known }',
      ),
      mistake('writes for every command', 'ledger.ts', 'if (draft.puts === 0) return', ''),
      mistake(
        'lets everybody wait for who came first',
        'command-queue.ts',
        'group.length === maxGroupCommands',
        'later.length > 0',
      ),
    ],
  },
  {
    name: 'A13: a replay of the log from empty gives the same bytes',
    async check(subject) {
      const store = createMemoryLedgerStore()
      const opened = await subject.openTestLedger(store)
      for (let epoch = 1n; epoch <= 3n; epoch++) {
        await Promise.all([
          opened.apply(
            batchOf(epoch, {
              terms: { feeRate: 3 },
              before: opened.get('providers', bob.identity)?.promise.amount ?? 0n,
            }),
          ),
          opened.apply(batchOf(epoch, { provider: carol.identity, consumer: dave.identity })),
        ])
      }
      await subject.reveal(opened, carol.identity, preimageOf(carol.identity, 3n))
      const { commands, state } = await subject.verifyLog(store, referenceCrypto)
      expect([commands, subject.bytesOf(state)]).toEqual([7, subject.bytesOf(opened)])
    },
    mistakes: [
      inExchange(
        'counts in the process what belongs to the state',
        'batches: totals.batches + 1,',
        'batches: (globalThis.planted = (globalThis.planted ?? 0) + 1),',
      ),
      mistake(
        'keeps no reveal in its log',
        'ledger.ts',
        'if (!changed) return []',
        "if (command.kind === 'reveal') return []",
      ),
    ],
  },
  {
    name: 'A14: the fee is taken once a batch, from the sum, rounded down',
    async check(subject) {
      const random = randomOf(5)
      for (let round = 0; round < 50; round++) {
        const feeRate = Math.floor(random() * 5000)
        const deltas = Array.from({ length: 5 }, () => BigInt(1 + Math.floor(random() * 1e6)))
        let amount = 0n
        const lock = lockOf(bob.identity, 1n)
        const items = deltas.map((delta, index) => {
          amount += delta
          return item({
            consumer: alice.identity,
            provider: bob.identity,
            amount,
            total: delta,
            id: word(index + 1),
            lock,
          })
        })
        const batch = { provider: bob.identity, epoch: 1n, hashlock: lock, previousAmount: 0n, items }
        const opened = await subject.openTestLedger()
        const answer = answerOf(await opened.apply(commandOf(batch, { capacity: amount }, { feeRate })))
        const fee = (amount * BigInt(feeRate)) / 10_000n
        expect(answer).toMatchObject({ fee, credited: amount - fee, feeRate, promise: { amount: amount - fee } })
        expect(opened.get('totals', 'all')).toMatchObject({ fees: fee, credited: amount - fee })
      }
    },
    mistakes: [
      inExchange(
        'takes the fee of each item',
        'feeOf(sum, feeRate)',
        'verdicts.reduce((total, { delta }) => total + feeOf(delta, feeRate), 0n)',
      ),
      inExchange('credits the fee as well', 'const credited = sum - fee', 'const credited = sum'),
    ],
  },
  {
    name: 'W29: what was refused is not collected with the preimage of its batch',
    async check(subject) {
      const opened = await subject.openTestLedger()
      const lock = lockOf(bob.identity, 1n)
      const of = { consumer: alice.identity, provider: bob.identity, lock }
      const items = [item({ ...of, amount: 10n }), item({ ...of, amount: 900n, total: 5n, id: word(2) })]
      const batch = { provider: bob.identity, epoch: 1n, hashlock: lock, previousAmount: 0n, items }
      const { verdicts } = answerOf(await opened.apply(commandOf(batch, { capacity: 50n })))
      expect(verdicts.map(({ code }) => code)).toEqual([undefined, 'promise-over-capacity'])
      await subject.reveal(opened, bob.identity, preimageOf(bob.identity, 1n))
      const account = [...opened.entries('channels')][0]?.[1]
      expect(account?.collectable?.signed.promise.amount).toBe(10n)
      expect(account?.highest?.promise.amount).toBe(10n)
    },
    mistakes: [
      inExchange(
        'keeps the promise that it refused',
        'if (code !== undefined) return',
        "if (code !== undefined) draft.put('channels', facts.channel, creditItem(draft.get('channels', facts.channel) ?? " +
          'emptyAccount(item.consumer), item, 0n) ?? emptyAccount(item.consumer))\nif (code !== undefined) return',
      ),
    ],
  },
  {
    name: 'W30: a lock that was shown before is as good as shown: what it credits can be collected at once',
    async check(subject) {
      const opened = await subject.openTestLedger()
      await opened.apply(batchOf(1n))
      const lock = lockOf(bob.identity, 1n)
      expect(codeOf(await opened.apply(batchOf(2n, { lock })))).toBe('accepted')
      expect([...opened.entries('channels')][0]?.[1]).toMatchObject({ revealedAmount: 20n, open: [] })
    },
    mistakes: [inExchange('leaves it open', 'known === undefined ? credited :', 'known !== undefined ? credited :')],
  },
]

describe.each(rules)('$name', ({ check, mistakes }) => {
  test('holds', { timeout: 1_200_000 }, () => check(ledger))

  test.each(mistakes)('fails for a ledger that $what', { timeout: 120_000 }, async (planted) => {
    const mistaken = await ledgerWith(planted)
    await expect(async () => check(mistaken)).rejects.toThrow()
  })
})
