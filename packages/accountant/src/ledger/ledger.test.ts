import { Fault } from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore, type NextEntry } from '@myst/store'
import { alice, bob, carol, dave, person, toyCrypto } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CommandOf } from './commands.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { bytesOf, commandOf, item, lockOf, openTestLedger, preimageOf, toySign } from './testing.ts'
import { verifyLog } from './verify-log.ts'

type ExchangeCommand = CommandOf<'exchange'>

/** A disk that counts what is appended, and fails one of that for good, or for want of space. */
function failingStore(failAt: number, code = 'store-failed') {
  const disk = createMemoryLedgerStore()
  const store = {
    disk,
    appends: 0,
    failed: false,
    records: disk.records,
    log: disk.log,
    reopen: () => disk.reopen(),
    save: disk.save,
    async append(next: NextEntry) {
      store.appends += 1
      if (store.failed || store.appends === failAt) {
        store.failed = true
        throw new Fault(code, { appends: store.appends })
      }
      await disk.append(next)
    },
    close() {},
  } satisfies LedgerStore & Record<string, unknown>
  return store
}

/** Batches of a provider, one after the other, each crediting `step` from one consumer. */
function batches(provider: typeof bob, consumer: typeof alice, count: number, step = 10n): ExchangeCommand[] {
  const { identity } = provider
  return Array.from({ length: count }, (_, index) => {
    const epoch = BigInt(index + 1)
    const amount = step * epoch
    return commandOf({
      provider: identity,
      epoch,
      hashlock: lockOf(identity, epoch),
      previousAmount: amount - step,
      ...(index === 0 ? {} : { lastPreimage: preimageOf(identity, epoch - 1n) }),
      items: [item({ consumer: consumer.identity, provider: identity, amount, lock: lockOf(identity, epoch) })],
    })
  })
}

describe('group commit', () => {
  test('commands that arrive together share one commit, and see each other', async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    const ledger = await openTestLedger(store)
    const providers = Array.from({ length: 20 }, (_, index) => person(BigInt(index + 1)))
    const commands = providers.flatMap((provider, index) => {
      const { identity } = provider
      const lock = lockOf(identity, 1n)
      // Each draws on Alice's channel where the one before left it.
      const items = [
        item({ consumer: alice.identity, provider: identity, amount: BigInt(10 * (index + 1)), total: 10n, lock }),
      ]
      return commandOf({ provider: identity, epoch: 1n, hashlock: lock, previousAmount: 0n, items })
    })
    const results = await Promise.all(commands.map((command) => ledger.apply(command)))
    expect(results.map(({ kind }) => kind)).toEqual(Array(20).fill('answered'))
    expect(store.appends).toBe(1)
    expect(ledger.get('totals', 'all')).toMatchObject({ credited: 200n, promises: 20 })
  })

  test("a provider's commands are taken one after the other, each after the answer to the last", async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    const ledger = await openTestLedger(store)
    const results = await Promise.all(batches(bob, alice, 5).map((command) => ledger.apply(command)))
    expect(results.map(({ kind }) => kind)).toEqual(Array(5).fill('answered'))
    expect(store.appends).toBe(5)
  })

  test('while one group is signed the next one gathers', async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    const sizes: number[] = []
    let release = () => {}
    const first = new Promise<void>((resolve) => {
      release = resolve
    })
    const ledger = await openLedger({
      store,
      crypto: toyCrypto,
      async sign(decisions) {
        sizes.push(decisions.length)
        if (sizes.length === 1) await first
        return toySign(decisions)
      },
    })
    const people = Array.from({ length: 6 }, (_, index) => person(BigInt(index + 1)))
    const [one, ...others] = people.map((provider) =>
      ledger.apply(batches(provider, provider, 1)[0] as ExchangeCommand),
    )
    await expect.poll(() => sizes).toEqual([6])
    const later = batches(bob, alice, 1).map((command) => ledger.apply(command))
    await new Promise((resolve) => setTimeout(resolve, 5))
    later.push(...batches(carol, dave, 1).map((command) => ledger.apply(command)))
    expect(store.appends).toBe(0)
    release()
    await Promise.all([one, ...others, ...later])
    expect([sizes, store.appends]).toEqual([[6, 2], 2])
  })

  test('nothing is seen before it is durable', async () => {
    const ledger = await openTestLedger()
    const [command] = batches(bob, alice, 1) as [ExchangeCommand]
    const answering = ledger.apply(command)
    expect(ledger.get('providers', bob.identity)).toBeUndefined()
    await answering
    expect(ledger.get('providers', bob.identity)).toBeDefined()
  })

  test('more than can wait are turned away at once', async () => {
    const ledger = await openTestLedger()
    const [command] = batches(bob, alice, 1) as [ExchangeCommand]
    const applying = Array.from({ length: 4097 }, () => ledger.apply(command))
    await expect(applying[4096]).rejects.toMatchObject({ code: 'ledger-busy' })
    await Promise.all(applying.slice(0, 4096))
  })
})

describe('A5: what was answered is durable, what was not is wholly absent', () => {
  /** Two providers exchange in groups, until the disk fails. @returns every answer that somebody heard. */
  async function runUntilFailure(ledger: Ledger, groups: readonly number[]): Promise<Map<string, bigint>> {
    const heard = new Map<string, bigint>()
    const queues = [batches(bob, alice, 40), batches(carol, dave, 40)]
    for (const [turn, size] of groups.entries()) {
      const queue = queues[turn % 2] as ExchangeCommand[]
      const other = queues[(turn + 1) % 2] as ExchangeCommand[]
      const group = [...queue.splice(0, size), ...other.splice(0, size % 3)]
      await Promise.all(
        group.map(async (command) => {
          try {
            const result = await ledger.apply(command)
            if (result.kind === 'answered') heard.set(command.batch.provider, command.batch.epoch)
          } catch (error) {
            expect(error).toMatchObject({ code: 'ledger-stopped' })
          }
        }),
      )
    }
    return heard
  }

  const plans = fc.tuple(
    fc.integer({ min: 1, max: 8 }),
    fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }),
  )

  test('at whatever commit the disk fails', async () => {
    await fc.assert(
      fc.asyncProperty(plans, async ([failAt, groups]) => {
        const store = failingStore(failAt)
        const ledger = await openTestLedger(store)
        const heard = await runUntilFailure(ledger, groups)
        expect(ledger.running).toBe(store.appends < failAt)
        const restarted = await openTestLedger(store.disk)
        expect(bytesOf(restarted)).toEqual(bytesOf(ledger))
        for (const [provider, epoch] of heard) expect(restarted.get('providers', provider)?.promise.epoch).toBe(epoch)
        expect(restarted.get('totals', 'all')?.batches ?? 0).toBe(
          [...heard.values()].reduce((sum, epoch) => sum + Number(epoch), 0),
        )
      }),
      { numRuns: 60 },
    )
  })

  test('after a failure nothing is answered any more, and reads go on', async () => {
    const store = failingStore(2)
    const ledger = await openTestLedger(store)
    const [first, second, third] = batches(bob, alice, 3) as [ExchangeCommand, ExchangeCommand, ExchangeCommand]
    await ledger.apply(first)
    await expect(ledger.apply(second)).rejects.toMatchObject({ code: 'ledger-stopped' })
    await expect(ledger.apply(first)).rejects.toMatchObject({ code: 'ledger-stopped' })
    await expect(ledger.apply(third)).rejects.toMatchObject({ code: 'ledger-stopped' })
    expect(ledger.running).toBe(false)
    expect(ledger.get('providers', bob.identity)?.promise.amount).toBe(10n)
    expect(store.appends).toBe(2)
  })

  test('a bug in one step stops the ledger before anything of its group is written', async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    const ledger = await openTestLedger(store)
    const [command] = batches(bob, alice, 1) as [ExchangeCommand]
    const [other] = batches(carol, dave, 1) as [ExchangeCommand]
    const good = ledger.apply(command)
    const bad = ledger.apply({ ...other, facts: [] })
    await expect(good).rejects.toMatchObject({ code: 'ledger-stopped' })
    await expect(bad).rejects.toMatchObject({ cause: { message: 'bug: every item has its facts' } })
    expect([ledger.running, store.appends]).toEqual([false, 0])
  })

  test('signatures that fail cost their group alone', async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    let fails = 1
    const sign: typeof toySign = (decisions) => {
      if (fails-- > 0) throw new Error('planted')
      return toySign(decisions)
    }
    const ledger = await openLedger({ store, crypto: toyCrypto, sign })
    const [command] = batches(bob, alice, 1) as [ExchangeCommand]
    await expect(ledger.apply(command)).rejects.toMatchObject({ code: 'signing-failed' })
    expect([ledger.running, store.appends, bytesOf(ledger)]).toEqual([true, 0, {}])
    expect((await ledger.apply(command)).kind).toBe('answered')
  })
})

describe('F5: a full disk', () => {
  const full = async () => {
    const store = failingStore(2, 'store-full')
    const ledger = await openTestLedger(store)
    const commands = batches(bob, alice, 3) as [ExchangeCommand, ExchangeCommand, ExchangeCommand]
    await ledger.apply(commands[0])
    await expect(ledger.apply(commands[1])).rejects.toMatchObject({
      code: 'ledger-stopped',
      facts: { why: 'store-full' },
    })
    return { store, ledger, commands }
  }

  test('stops what would be acknowledged, not what is read, and passes without a restart', async () => {
    const { store, ledger, commands } = await full()
    expect([ledger.running, ledger.get('providers', bob.identity)?.promise.amount]).toEqual([false, 10n])
    await expect(ledger.apply(commands[1])).rejects.toMatchObject({ code: 'ledger-stopped' })
    store.failed = false
    for (const command of commands.slice(1)) expect((await ledger.apply(command)).kind).toBe('answered')
    expect(ledger.running).toBe(true)
    expect(bytesOf(await openTestLedger(store.disk))).toEqual(bytesOf(ledger))
  })

  test('that kept what it said it had not is the end until a restart', async () => {
    const { store, ledger, commands } = await full()
    const other = await openTestLedger(store.disk)
    await other.apply(commands[1])
    store.failed = false
    for (const command of [commands[1], commands[2]]) {
      await expect(ledger.apply(command)).rejects.toMatchObject({
        code: 'ledger-stopped',
        facts: { why: 'store-failed' },
      })
    }
    expect(store.appends).toBe(2)
  })
})

describe('over restarts', () => {
  const all = [...batches(bob, alice, 12), ...batches(carol, dave, 12)]
  const orders = fc.shuffledSubarray(all, { minLength: all.length }).map((order) => {
    // Each provider's batches keep their order; how the two are mixed is random.
    const queues = new Map(
      [bob, carol].map(({ identity }) => [identity, all.filter(({ batch }) => batch.provider === identity)]),
    )
    return order.map(({ batch }) => queues.get(batch.provider)?.shift() as ExchangeCommand)
  })

  test('A7: no promise and no total ever falls, and the same batch is never answered anew', async () => {
    await fc.assert(
      fc.asyncProperty(orders, fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }), async (order, restarts) => {
        const store = createMemoryLedgerStore()
        let ledger = await openTestLedger(store)
        const answers = new Map<string, unknown>()
        let credited = 0n
        for (const [index, command] of order.entries()) {
          const result = await ledger.apply(command)
          answers.set(command.digest, result)
          if (restarts[index]) ledger = await openTestLedger(store)
          expect(await ledger.apply(command)).toEqual(answers.get(command.digest))
          const now = ledger.get('totals', 'all')?.credited ?? 0n
          expect(now).toBe(credited + 10n)
          credited = now
        }
      }),
      { numRuns: 15 },
    )
  })

  test('A13: the same commands from empty give the same bytes, however they are grouped, and so does the log', async () => {
    await fc.assert(
      fc.asyncProperty(orders, fc.integer({ min: 1, max: 24 }), async (order, size) => {
        const one = await openTestLedger()
        for (const command of order) await one.apply(command)
        const store = createMemoryLedgerStore()
        const other = await openTestLedger(store)
        for (let at = 0; at < order.length; at += size) {
          await Promise.all(order.slice(at, at + size).map((command) => other.apply(command)))
        }
        expect(bytesOf(other)).toEqual(bytesOf(one))
        expect(bytesOf(await openTestLedger(store))).toEqual(bytesOf(one))
        const replayed = await verifyLog(store, toyCrypto)
        expect([replayed.commands, bytesOf(replayed.state)]).toEqual([order.length, bytesOf(one)])
      }),
      { numRuns: 15 },
    )
  })
})

test('A12: whatever is refused as a whole leaves no trace, whoever sends it', async () => {
  const ledger = await openTestLedger()
  for (const command of batches(bob, alice, 3)) await ledger.apply(command)
  const before = bytesOf(ledger)
  const [first] = batches(bob, alice, 1) as [ExchangeCommand]
  const changes = fc.record({
    epoch: fc.bigInt(4n, 50n),
    previousAmount: fc.bigInt(0n, 60n),
    known: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(changes, async ({ epoch, previousAmount, known }) => {
      if (known && previousAmount === 30n) return
      const preimage = known ? preimageOf(bob.identity, 3n) : preimageOf(bob.identity, epoch)
      const batch = {
        ...first.batch,
        epoch,
        previousAmount,
        hashlock: lockOf(bob.identity, epoch),
        lastPreimage: preimage,
      }
      const result = await ledger.apply(commandOf(batch))
      expect(result.kind).toBe('refused')
      expect(bytesOf(ledger)).toEqual(before)
    }),
    { numRuns: 60 },
  )
})
