/**
 * A ledger of the version before refusals were proven: two batches of Bob's were credited from Alice's channel, and an item of
 * Carol's was refused, without proof. Then that program ended. Signed as in `testing.ts`.
 */

import { referenceCrypto } from '@myst/protocol'
import { type CopiedLedger, createMemoryLedgerStore } from '@myst/store'
import { alice, bob, carol } from '@myst/testkit'
import { expect, test } from 'vitest'
import before from './before-proofs.fixture.json' with { type: 'json' }
import { bytesOf, channelOf, commandOf, item, lockOf, openTestLedger, preimageOf } from './testing.ts'
import { verifyLog } from './verify-log.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
const written: CopiedLedger = {
  records: before.records.map(({ value, ...record }) => ({ ...record, value: bytes(value) })),
  log: before.log.map(({ sequence, hash, body }) => ({ sequence, hash: bytes(hash), body: bytes(body) })),
}

test('opens after a clean end, and goes on', async () => {
  const store = createMemoryLedgerStore(written)
  const ledger = await openTestLedger(store)
  expect(ledger.get('channels', channelOf(alice.identity))).toMatchObject({ revealedAmount: 10n, revealedSum: 10n })
  const lock = lockOf(bob.identity, 3n)
  const items = [item({ consumer: alice.identity, provider: bob.identity, amount: 30n, lock })]
  const next = { provider: bob.identity, epoch: 3n, hashlock: lock, previousAmount: 20n, items }
  const { kind } = await ledger.apply(commandOf({ ...next, lastPreimage: preimageOf(bob.identity, 2n) }))
  expect([kind, ledger.get('providers', bob.identity)?.promise.amount]).toEqual(['answered', 30n])
  await ledger.close()
  expect(bytesOf(await openTestLedger(store))).toEqual(bytesOf(ledger))
})

test('is not replayed across the version: neither what a kill left without records, nor from an older backup', async () => {
  const refused = { code: 'ledger-damaged', facts: { why: 'its commands lead to other answers' } }
  await expect(openTestLedger(createMemoryLedgerStore({ ...written, records: [] }))).rejects.toMatchObject(refused)
  await expect(verifyLog(createMemoryLedgerStore(written), referenceCrypto)).rejects.toMatchObject(refused)
})

test('is replayed from a backup of after its clean end', async () => {
  const store = createMemoryLedgerStore(written)
  const ledger = await openTestLedger(store)
  const lock = lockOf(carol.identity, 2n)
  const items = [item({ consumer: alice.identity, provider: carol.identity, amount: 26n, total: 6n, lock })]
  const next = { provider: carol.identity, epoch: 2n, hashlock: lock, previousAmount: 0n, items }
  await ledger.apply(commandOf({ ...next, lastPreimage: preimageOf(carol.identity, 1n) }))
  await ledger.close()
  const { state } = await verifyLog(store, referenceCrypto, createMemoryLedgerStore(written))
  expect(bytesOf(state)).toEqual(bytesOf(ledger))
})
