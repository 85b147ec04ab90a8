import { Fault } from '@myst/protocol'
import { createMemoryStore, type RecordStore, type RecordWrite } from '@myst/store'
import { alice, bob, carol, dave } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ExchangeCommand, exchangeBatch } from './exchange-batch.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { bytesOf, commandOf, exchange, item, lockOf, preimageOf, rulesOf } from './testing.ts'

/** A disk that counts its commits, and fails one of them for good. */
function failingStore(failAt: number): RecordStore & { readonly commits: number; readonly disk: RecordStore } {
  const disk = createMemoryStore()
  let commits = 0
  let failed = false
  return {
    disk,
    get commits() {
      return commits
    },
    load: (table) => disk.load(table),
    commit(writes: readonly RecordWrite[]) {
      commits += 1
      if (failed || commits === failAt) {
        failed = true
        throw new Fault('store-failed', { commits })
      }
      disk.commit(writes)
    },
    close() {},
  }
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
  test('steps that arrive together share one commit, and see each other', async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    const ledger = openLedger(store)
    const results = await Promise.all(batches(bob, alice, 20).map((command) => exchange(ledger, command)))
    expect(results.map(({ kind }) => kind)).toEqual(Array(20).fill('answered'))
    expect(store.commits).toBe(1)
    expect(ledger.get('providers', bob.identity)?.promise.amount).toBe(200n)
  })

  test('nothing is seen before it is durable', async () => {
    const ledger = openLedger(createMemoryStore())
    const [command] = batches(bob, alice, 1)
    const answering = exchange(ledger, command as ExchangeCommand)
    expect(ledger.get('providers', bob.identity)).toBeUndefined()
    await answering
    expect(ledger.get('providers', bob.identity)).toBeDefined()
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
            const result = await exchange(ledger, command)
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
        const ledger = openLedger(store)
        const heard = await runUntilFailure(ledger, groups)
        expect(ledger.running).toBe(store.commits < failAt)
        const restarted = openLedger(store.disk)
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
    const ledger = openLedger(store)
    const [first, second, third] = batches(bob, alice, 3) as [ExchangeCommand, ExchangeCommand, ExchangeCommand]
    await exchange(ledger, first)
    await expect(exchange(ledger, second)).rejects.toMatchObject({ code: 'ledger-stopped' })
    await expect(exchange(ledger, first)).rejects.toMatchObject({ code: 'ledger-stopped' })
    await expect(exchange(ledger, third)).rejects.toMatchObject({ code: 'ledger-stopped' })
    expect(ledger.running).toBe(false)
    expect(ledger.get('providers', bob.identity)?.promise.amount).toBe(10n)
    expect(store.commits).toBe(2)
  })

  test('a bug in one step stops the ledger before anything of its group is written', async () => {
    const store = failingStore(Number.POSITIVE_INFINITY)
    const ledger = openLedger(store)
    const [command] = batches(bob, alice, 1) as [ExchangeCommand]
    const good = exchange(ledger, command)
    const bad = ledger.apply(() => {
      throw new Error('bug: planted')
    })
    await expect(good).rejects.toMatchObject({ code: 'ledger-stopped' })
    await expect(bad).rejects.toMatchObject({ code: 'ledger-stopped', cause: { message: 'bug: planted' } })
    expect([ledger.running, store.commits]).toEqual([false, 0])
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
        const store = createMemoryStore()
        let ledger = openLedger(store)
        const answers = new Map<string, unknown>()
        let credited = 0n
        for (const [index, command] of order.entries()) {
          const result = await exchange(ledger, command)
          answers.set(command.digest, result)
          if (restarts[index]) ledger = openLedger(store)
          expect(await exchange(ledger, command)).toEqual(answers.get(command.digest))
          const now = ledger.get('totals', 'all')?.credited ?? 0n
          expect(now).toBe(credited + 10n)
          credited = now
        }
      }),
      { numRuns: 15 },
    )
  })

  test('A13: the same commands from empty give the same bytes, however they are grouped', async () => {
    await fc.assert(
      fc.asyncProperty(orders, fc.integer({ min: 1, max: 24 }), async (order, size) => {
        const one = openLedger(createMemoryStore())
        for (const command of order) await exchange(one, command)
        const store = createMemoryStore()
        const other = openLedger(store)
        for (let at = 0; at < order.length; at += size) {
          await Promise.all(order.slice(at, at + size).map((command) => exchange(other, command)))
        }
        expect(bytesOf(other)).toEqual(bytesOf(one))
        expect(bytesOf(openLedger(store))).toEqual(bytesOf(one))
      }),
      { numRuns: 15 },
    )
  })
})

test('A12: whatever is refused as a whole leaves no trace, whoever sends it', async () => {
  const ledger = openLedger(createMemoryStore())
  for (const command of batches(bob, alice, 3)) await exchange(ledger, command)
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
      const result = await ledger.apply((draft) => exchangeBatch(draft, rulesOf(), commandOf(batch)))
      expect(result.kind).toBe('refused')
      expect(bytesOf(ledger)).toEqual(before)
    }),
    { numRuns: 60 },
  )
})
