/**
 * The stored records follow the log: whatever is asked, whenever a checkpoint is taken, and wherever it all stops, a start
 * comes to what was there. Shown for the ledger, and shown to fail for those with a mistake.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { type Address, Fault, referenceCrypto } from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerChanges, type LedgerStore } from '@myst/store'
import type { Mistake } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LedgerCommand } from './commands.ts'
import { randomOf } from './crash.fixture.ts'
import { batchAt, providers } from './exchanging.fixture.ts'
import { ledgerWith } from './mistakes.fixture.ts'
import type { Subject } from './solvency.fixture.ts'
import * as ledger from './testing.ts'
import { preimageOf } from './testing.ts'

const long = process.env.MYST_LONG === '1'

/** A disk that takes its time, for the one process that runs: once that is killed, nothing of it comes to be any more. */
function slowDisk(random: () => number) {
  const disk = createMemoryLedgerStore()
  let lives = 0
  /** In turns: of an entry, of a part of the records, and of the end of those. */
  const [entryTurns, partTurns, endTurns] = [0, 0, 0].map(() => 20 * random() ** 2) as [number, number, number]
  const some = async (most: number) => {
    for (let turns = Math.floor(random() * most); turns > 0; turns--) await turn()
  }
  function open(): LedgerStore {
    const life = ++lives
    const never = new Promise<never>(() => {})
    return {
      ...disk,
      async append(next) {
        await some(entryTurns)
        if (life !== lives) return never
        await disk.append(next)
        await some(3)
        if (life !== lives) return never
      },
      async save(parts) {
        const whole: LedgerChanges[] = []
        for await (const part of parts) {
          await some(partTurns)
          whole.push(part)
        }
        await some(endTurns)
        if (life !== lives) return never
        await disk.save(inParts(whole))
        await some(3)
        if (life !== lives) return never
      },
    }
  }
  return { disk, open }
}
async function* inParts(all: readonly LedgerChanges[]): AsyncGenerator<LedgerChanges> {
  yield* all
}

interface Step {
  readonly who: number
  readonly what: 'exchange' | 'exchange with the next' | 'reveal' | 'age'
  /** Of an exchange: it is under way when everything stops, and is asked for again. */
  readonly isCut: boolean
  readonly after: 'go on' | 'kill' | 'kill soon' | 'close'
}
const steps = fc.array(
  fc.record<Step>({
    who: fc.nat(providers.length - 1),
    what: fc.constantFrom('exchange', 'exchange', 'exchange with the next', 'reveal', 'age'),
    isCut: fc.boolean(),
    after: fc.constantFrom('go on', 'go on', 'go on', 'kill', 'kill soon', 'close'),
  }),
  { minLength: 5, maxLength: 30 },
)
const bounds = fc.record({
  checkpointBytes: fc.integer({ min: 1, max: 6000 }),
  maxLogBytes: fc.integer({ min: 1, max: 9000 }),
})

/** Plays the steps on a ledger that is stopped and started, and holds it against one that never was. */
async function play(
  subject: Subject,
  taken: readonly Step[],
  options: ledger.LedgerOptions,
  seed: number,
): Promise<void> {
  const random = randomOf(seed)
  const { disk, open } = slowDisk(random)
  const steady = await ledger.openTestLedger()
  let opened = await subject.openTestLedger(open(), options)
  const epochs = providers.map(() => 0n)

  function commandsOf({ who, what }: Step): LedgerCommand[] {
    const provider = providers[who] as Address
    if (what === 'age') return [{ kind: 'age', elapsedMs: 1000, channels: [], agreements: [], locks: [] }]
    if (what === 'reveal') return [{ kind: 'reveal', provider, preimage: preimageOf(provider, epochs[who] ?? 0n) }]
    const both = what === 'exchange' ? [who] : [who, (who + 1) % providers.length]
    return both.map((of) => batchAt(providers[of] as Address, (epochs[of] ?? 0n) + 1n))
  }

  for (const step of taken) {
    const commands = commandsOf(step)
    if (step.isCut && commands[0]?.kind === 'exchange') {
      for (const command of commands) void opened.apply(command)
      for (let turns = random() * 40; turns > 0; turns--) await turn()
      opened = await subject.openTestLedger(open(), options)
    }
    const results = await Promise.all(commands.map((command) => opened.apply(command)))
    for (const [index, command] of commands.entries()) {
      expect(await steady.apply(command)).toEqual(results[index])
      if (command.kind === 'exchange') epochs[providers.indexOf(command.batch.provider)] = command.batch.epoch
    }
    if (step.after === 'go on') continue
    if (step.after === 'close') await opened.close()
    for (let turns = step.after === 'kill soon' ? random() * 20 : 0; turns > 0; turns--) await turn()
    opened = await subject.openTestLedger(open(), options)
    expect(ledger.bytesOf(opened)).toEqual(ledger.bytesOf(steady))
  }
  await opened.close()
  // The records by themselves, and by their digest.
  const { state } = await ledger.loadLedger({ records: disk.records(), log: disk.log() }, referenceCrypto, 0)
  expect(ledger.bytesOf(state)).toEqual(ledger.bytesOf(steady))
  const sealed = ledger.createState()
  const draft = ledger.createDraft(sealed)
  for (const name of Object.keys(ledger.ledgerSchemas) as ledger.TableName[]) {
    for (const [key, record] of steady.entries(name)) draft.put(name, key, record as never)
  }
  sealed.merge(draft)
  for (const _ of sealed.seal(sealed.take()));
  expect(state.digest).toBe(sealed.digest)
}

const mistakes: readonly Mistake[] = [
  {
    what: 'says that its records stand at the newest entry',
    file: 'checkpointer.ts',
    find: 'reached = { ...head, digest: state.digest }',
    put: 'reached = { ...log.head, digest: state.digest }',
  },
  {
    what: 'drops entries that its records lack',
    file: 'log.ts',
    find: 'const most = (checkpoint?.sequence ?? 0) + 1 - oldest',
    put: 'const most = sizes.length - at',
  },
  {
    what: 'drops entries before its records are durable',
    file: 'checkpointer.ts',
    find: 'yield { records: [checkpointRecord(reached)], removed: [] }',
    put: 'log.checkpointed(reached)\n      yield { records: [checkpointRecord(reached)], removed: [] }',
  },
  {
    what: 'takes a checkpoint of what is not durable yet',
    file: 'ledger.ts',
    find: 'await store.append(next)',
    put: 'const before = { head: log.head }; void before; state.merge(draft); log.append(next); checkpointer.follow(); await store.append(next); return',
  },
  {
    what: 'forgets what changed while a checkpoint is taken',
    file: 'checkpointer.ts',
    find: 'taken = undefined\n      dueBytes',
    put: 'taken = undefined\n      state.take()\n      dueBytes',
  },
  {
    what: 'applies no more than the first entry anew',
    file: 'log.ts',
    find: 'if (entry.sequence > checkpoint.sequence) onTail',
    put: 'if (entry.sequence === checkpoint.sequence + 1) onTail',
  },
]

const holdsAlways = (subject: Subject, numRuns: number) =>
  fc.assert(
    fc.asyncProperty(steps, bounds, fc.nat(), (taken, options, seed) => play(subject, taken, options, seed)),
    { numRuns },
  )

describe('a ledger that is killed, closed and started at any time is the one that never stopped', () => {
  test('holds', { timeout: 600_000 }, () => holdsAlways(ledger, long ? 3000 : 60))

  test.each(mistakes)('fails for a ledger that $what', { timeout: 120_000 }, async (planted) => {
    const mistaken = await ledgerWith(planted)
    await expect(holdsAlways(mistaken, 400)).rejects.toThrow()
  })
})

/** All change while a checkpoint is written, slice by slice. */
async function changedMeanwhile(subject: Subject): Promise<void> {
  const state = subject.createState()
  const store = createMemoryLedgerStore()
  const putAll = (amount: bigint) => {
    const draft = subject.createDraft(state)
    for (let key = 0; key < 500; key++) draft.put('agreements', String(key), { total: amount, amount })
    state.merge(draft)
  }
  async function saveAll(sequence: number, meanwhile: () => void): Promise<bigint[]> {
    const parts: LedgerChanges[] = []
    for (const slice of state.seal(state.take())) {
      parts.push(slice)
      meanwhile()
    }
    const at = ledger.checkpointRecord({ sequence, hash: new Uint8Array(32), digest: state.digest })
    await store.save(inParts([...parts, { records: [at], removed: [] }]))
    const { state: loaded } = await ledger.loadState(store.records())
    return [...new Set([...loaded.entries('agreements')].map(([, { amount }]) => amount))]
  }
  putAll(1n)
  expect(await saveAll(1, () => putAll(2n))).toEqual([1n])
  expect(await saveAll(2, () => {})).toEqual([2n])
}

describe('what changes while a checkpoint is written is of the next one', () => {
  test('holds', () => changedMeanwhile(ledger))

  test('fails for a ledger that writes records as they are when their turn comes', async () => {
    const mistaken = await ledgerWith({
      what: 'writes records as they are when their turn comes',
      file: 'state.ts',
      find: 'for (const [key, record] of changed) {',
      put: 'for (const key of changed.keys()) {\n        const record = tables[table].get(key) ?? gone',
    })
    await expect(changedMeanwhile(mistaken)).rejects.toThrow()
  })
})

test('removed records are gone, from the digest too', async () => {
  const change = fc.record({ key: fc.constantFrom('a', 'b', 'c'), amount: fc.option(fc.bigInt(0n, 3n)) })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 6 }), async (rounds) => {
      const store = createMemoryLedgerStore()
      const state = ledger.createState()
      const model = new Map<string, bigint>()
      for (const [round, changes] of rounds.entries()) {
        const draft = ledger.createDraft(state)
        for (const { key, amount } of changes) {
          if (amount === null) {
            draft.remove('agreements', key)
            model.delete(key)
          } else {
            draft.put('agreements', key, { total: amount, amount })
            model.set(key, amount)
          }
        }
        state.merge(draft)
        const parts = [...state.seal(state.take())]
        const head = { sequence: round + 1, hash: new Uint8Array(32) }
        const at = ledger.checkpointRecord({ ...head, digest: state.digest })
        await store.save(inParts([...parts, { records: [at], removed: [] }]))
      }
      const { state: loaded } = await ledger.loadState(store.records())
      expect(loaded.digest).toBe(state.digest)
      expect(new Map([...loaded.entries('agreements')].map(([key, { amount }]) => [key, amount]))).toEqual(model)
    }),
    { numRuns: 200 },
  )
})

const bobs = providers[1] as Address

/** A store whose saves fail as told. */
function failingSaves(code: () => string | undefined) {
  const disk = createMemoryLedgerStore()
  const store = {
    ...disk,
    saves: 0,
    async save(parts) {
      const whole: LedgerChanges[] = []
      for await (const part of parts) whole.push(part)
      store.saves += 1
      const why = code()
      if (why !== undefined) throw new Fault(why)
      await disk.save(inParts(whole))
    },
  } satisfies LedgerStore & Record<string, unknown>
  return { disk, store }
}

/** Everybody asks while the records find no space, and after. @returns how often it was tried. */
async function fullForAWhile(subject: Subject): Promise<number> {
  let full = true
  const { disk, store } = failingSaves(() => (full ? 'store-full' : undefined))
  const opened = await subject.openTestLedger(store, { checkpointBytes: 4000, maxLogBytes: 1 })
  for (let epoch = 1n; epoch <= 8n; epoch++) {
    if (epoch === 6n) full = false
    for (const provider of providers) expect((await opened.apply(batchAt(provider, epoch))).kind).toBe('answered')
    if (epoch < 6n) expect([...(disk.log() as Iterable<unknown>)]).toHaveLength(providers.length * Number(epoch))
  }
  await opened.close()
  expect(opened.running).toBe(true)
  expect(opened.tail.entries).toBe(0)
  const again = await subject.openTestLedger(disk)
  expect(ledger.bytesOf(again)).toEqual(ledger.bytesOf(opened))
  return store.saves
}

describe('records that find no space (F5)', () => {
  test('are offered again now and then, and nobody who asks notices', async () => {
    const saves = await fullForAWhile(ledger)
    expect(saves).toBeGreaterThan(4)
    // Not with each entry.
    expect(saves).toBeLessThan(32)
  })

  test('a ledger that takes it for done is found out', async () => {
    const hopeful = await ledgerWith({
      what: 'takes a full disk for success',
      file: 'checkpointer.ts',
      find: 'dueBytes = log.tail.bytes + everyBytes / triesWithin',
      put: 'taken = undefined',
    })
    await expect(fullForAWhile(hopeful)).rejects.toThrow()
  })
})

/** Asks until it is refused. @returns why, and how often the records were tried. */
async function failedForGood(subject: Subject) {
  const { disk, store } = failingSaves(() => (store.saves === 2 ? 'store-failed' : undefined))
  const opened = await subject.openTestLedger(store, { checkpointBytes: 1 })
  let [epoch, refused] = [0n, '']
  while (refused === '' && epoch < 20n) {
    await opened.apply(batchAt(bobs, epoch + 1n)).then(
      () => {
        epoch += 1n
      },
      ({ code, facts }) => {
        refused = `${code} ${facts.why}`
      },
    )
  }
  const { running } = opened
  await opened.close()
  const again = await ledger.openTestLedger(disk)
  const beyond = (again.get('providers', bobs)?.promise.epoch ?? 0n) - epoch
  expect([0n, 1n]).toContain(beyond)
  return { refused, running, saves: store.saves }
}

describe('records that fail for good (F4)', () => {
  test('stop the ledger, are not tried again, and cost nobody an answer', async () => {
    expect(await failedForGood(ledger)).toEqual({
      refused: 'ledger-stopped store-failed',
      running: false,
      saves: 2,
    })
  })

  test('a ledger that tries again is seen', async () => {
    const stubborn = await ledgerWith({
      what: 'tries again after a failure',
      file: 'checkpointer.ts',
      find: "new Set(['store-full', 'store-unreachable'])",
      put: "new Set(['store-full', 'store-unreachable', 'store-failed'])",
    })
    expect((await failedForGood(stubborn)).saves).toBeGreaterThan(2)
  })
})

/** A checkpoint begins, and does not end. @returns what becomes of a batch meanwhile. */
async function askedMeanwhile(subject: Subject): Promise<string> {
  const disk = createMemoryLedgerStore()
  const begun = Promise.withResolvers<void>()
  const save = () => {
    begun.resolve()
    return new Promise<void>(() => {})
  }
  const opened = await subject.openTestLedger({ ...disk, save }, { checkpointBytes: 1 })
  const first = opened.apply(batchAt(bobs, 1n))
  await begun.promise
  const patience = (async () => {
    for (let turns = 0; turns < 100; turns++) await turn()
    return { kind: 'waits' }
  })()
  await Promise.race([first, patience])
  return (await Promise.race([opened.apply(batchAt(bobs, 2n)), patience])).kind
}

describe('while a checkpoint is taken', () => {
  test('answers go on', async () => expect(await askedMeanwhile(ledger)).toBe('answered'))

  test('a ledger that waits for it is seen', async () => {
    const slow = await ledgerWith({
      what: 'waits for its checkpoint',
      file: 'ledger.ts',
      find: 'checkpointer.follow()',
      put: 'await checkpointer.finish()',
    })
    expect(await askedMeanwhile(slow)).toBe('waits')
  })

  test('no slice of it is long', () => {
    const state = ledger.createState()
    const draft = ledger.createDraft(state)
    for (let key = 0; key < 1000; key++) draft.put('agreements', String(key), { total: 1n, amount: 1n })
    for (let key = 1000; key < 1500; key++) draft.remove('agreements', String(key))
    state.merge(draft)
    const sizes = [...state.seal(state.take())].map(({ records, removed }) => records.length + removed.length)
    expect(Math.max(...sizes)).toBe(128)
    expect(sizes.reduce((sum, size) => sum + size)).toBe(1500)
  })
})
