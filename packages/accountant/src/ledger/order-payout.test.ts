import { referenceCrypto } from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { alice, bob, mallory } from '@myst/testkit'
import { expect, test } from 'vitest'
import { commandOf, item, lockOf, openTestLedger, preimageOf, revealedOf, verifyLog } from './testing.ts'

const { identity: provider } = bob
const order = { every: 'day', least: 5n } as const

async function creditedLedger() {
  const store = createMemoryLedgerStore()
  const ledger = await openTestLedger(store)
  const lock = lockOf(provider, 1n)
  const items = [item({ consumer: alice.identity, provider, amount: 10n, lock })]
  await ledger.apply(commandOf({ provider, epoch: 1n, hashlock: lock, previousAmount: 0n, items }))
  return { store, ledger }
}

test('an order is kept over a restart, and a replay of the log comes out at it', async () => {
  const { store, ledger } = await creditedLedger()
  expect(await ledger.apply({ kind: 'order-payout', provider, order })).toBe(true)
  const { state, commands } = await verifyLog(store, referenceCrypto)
  expect([state.get('payouts', provider), commands]).toEqual([order, 2])
  await ledger.apply({ kind: 'order-payout', provider, order })
  expect((await verifyLog(store, referenceCrypto)).commands).toBe(2)
  const again = await openTestLedger(store)
  expect(again.get('payouts', provider)).toEqual(order)
})

test('a stranger without credit writes nothing', async () => {
  const { store, ledger } = await creditedLedger()
  expect(await ledger.apply({ kind: 'order-payout', provider: mallory.identity, order })).toBe(false)
  expect((await verifyLog(store, referenceCrypto)).commands).toBe(1)
})

test('what was credited for a lock that nobody has opened is not to be paid out', async () => {
  const { ledger } = await creditedLedger()
  const account = () => {
    const found = ledger.get('providers', provider)
    if (found === undefined) throw new Error('not there')
    return found
  }
  expect([account().promise.amount, revealedOf(account())]).toEqual([10n, 0n])
  await ledger.apply({ kind: 'reveal', provider, preimage: preimageOf(provider, 1n) })
  expect(revealedOf(account())).toBe(10n)
})
