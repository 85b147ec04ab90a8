import { Fault } from '@myst/protocol'
import { openPostgresLedgerStore } from '@myst/store'
import { alice, bob, carol, type PostgresServer, startPostgres, whyNoPostgres } from '@myst/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandOf, item, type Ledger, lockOf, openTestLedger } from './ledger/testing.ts'

const why = whyNoPostgres()

describe.skipIf(why !== undefined)(
  `two accountants on one ledger${why === undefined ? '' : `: skipped, ${why}`}`,
  () => {
    let server: PostgresServer
    beforeAll(async () => {
      server = await startPostgres()
    })
    afterAll(() => server.close())

    const { identity: provider } = bob
    const lock = lockOf(provider, 1n)
    const items = [item({ consumer: alice.identity, provider, amount: 10n, lock })]
    const command = commandOf({ provider, epoch: 1n, hashlock: lock, previousAmount: 0n, items })
    const another = commandOf({ provider: carol.identity, epoch: 1n, hashlock: lock, previousAmount: 0n, items: [] })
    const answering = (ledger: Ledger, of = command) =>
      ledger.apply(of).catch((fault) => {
        if (fault instanceof Fault) return fault.code
        throw fault
      })

    test('one answers, the other is refused, and answers the same bytes once it takes over (A4, A7)', async () => {
      const first = await openTestLedger(await openPostgresLedgerStore(server.url))
      await expect(openPostgresLedgerStore(server.url)).rejects.toMatchObject({ code: 'store-in-use' })
      const standing = Promise.withResolvers<void>()
      const next = openPostgresLedgerStore(server.url, { standby: { onWait: () => standing.resolve() } })
      await standing.promise
      const answer = await answering(first)
      expect(answer).toMatchObject({ kind: 'answered' })
      await first.close()
      const second = await openTestLedger(await next)
      expect(await answering(second)).toEqual(answer)
      expect(await answering(first)).toEqual(answer)
      expect(second.get('totals', 'all')).toMatchObject({ credited: 10n, promises: 1 })
      await second.close()
    })

    test('one that was cut off signs nothing more, whatever the other does (F16)', async () => {
      const first = await openTestLedger(await openPostgresLedgerStore(server.url))
      const before = await answering(first)
      await server.kill()
      await server.start()
      expect(await answering(first, another)).toBe('ledger-stopped')
      const second = await openTestLedger(await openPostgresLedgerStore(server.url))
      expect(await answering(second, another)).toMatchObject({ kind: 'answered' })
      expect(await answering(first, another)).toBe('ledger-stopped')
      expect(await answering(second)).toEqual(before)
      await Promise.all([first.close(), second.close()])
    })
  },
)
