import { loadNativeCrypto } from '@myst/crypto-native'
import {
  type AccountantPromise,
  type Address,
  accountantPromiseStruct,
  batchAnswerContent,
  hashTypedData,
  openContent,
  type SignedAccountantPromise,
  type SignedContent,
} from '@myst/protocol'
import { createMemoryLedgerStore, type LedgerStore } from '@myst/store'
import { alice, bob, carol } from '@myst/testkit'
import { beforeEach, expect, test } from 'vitest'
import { type Ledger, openLedger, verifyLog } from './ledger/index.ts'
import { bytesOf, commandOf, item, lockOf, preimageOf } from './ledger/testing.ts'
import { keyHere } from './operator-key.ts'
import { createResigning, type Resign } from './resigning.ts'
import { createSigner } from './sign-decisions.ts'

const crypto = await loadNativeCrypto()
const domain = { chainId: 31337n, verifyingContract: `0x${'aa'.repeat(20)}` as Address }
const [oldKey, newKey] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array]
const [oldOperator, newOperator] = [oldKey, newKey].map((key) => crypto.addressOf(key)) as [Address, Address]

let store: LedgerStore
beforeEach(() => {
  store = createMemoryLedgerStore()
})

/** An accountant that signs with this key. */
async function open(key: Uint8Array, nextKey?: Uint8Array): Promise<{ ledger: Ledger; resign: Resign }> {
  const sign = createSigner(crypto, domain, async (hashes) => hashes.map((hash) => crypto.sign(hash, key)))
  const ledger = await openLedger({ store, crypto, sign })
  const next = nextKey && keyHere(crypto, nextKey)
  return { ledger, resign: createResigning({ crypto, ledger, domain, operator: crypto.addressOf(key), nextKey: next }) }
}

const batchOf = (epoch: bigint) =>
  commandOf({
    provider: bob.identity,
    epoch,
    hashlock: lockOf(bob.identity, epoch),
    previousAmount: 10n * (epoch - 1n),
    ...(epoch === 1n ? {} : { lastPreimage: preimageOf(bob.identity, epoch - 1n) }),
    items: [
      item({
        consumer: alice.identity,
        provider: bob.identity,
        amount: 10n * epoch,
        lock: lockOf(bob.identity, epoch),
      }),
    ],
  })

function signerOf({ provider, amount, hashlock }: AccountantPromise, signature: Uint8Array): Address | undefined {
  return crypto.recover(
    hashTypedData(crypto, domain, accountantPromiseStruct, { provider, amount, hashlock }),
    signature,
  )
}
const withoutSignature = ({ signature: _, ...promise }: SignedAccountantPromise) => promise
function newestOf(reply: Awaited<ReturnType<Resign>>): SignedAccountantPromise {
  if (reply.newest === undefined) throw new Error('nothing')
  return reply.newest
}
function opened(answer: SignedContent, by: Address) {
  const content = openContent(crypto, domain, batchAnswerContent, answer, by)
  if (!content.ok) throw new Error(content.refusal.code)
  return content.value
}

test('before the change it is what was given, and with the announced key it is signed for the day after', async () => {
  const { ledger, resign } = await open(oldKey, newKey)
  await ledger.apply(batchOf(1n))
  const before = bytesOf(ledger)
  const reply = await resign(bob.identity)
  expect(reply.newest).toEqual(ledger.get('providers', bob.identity)?.promise)
  expect(reply.next?.operator).toBe(newOperator)
  expect(signerOf(newestOf(reply), reply.next?.signature as Uint8Array)).toBe(newOperator)
  expect(bytesOf(ledger)).toEqual(before)
})

test('after the change the same promise is signed by the new key, once, and stays so', async () => {
  const first = await open(oldKey)
  const given = await first.ledger.apply(batchOf(1n))
  const promised = first.ledger.get('providers', bob.identity)?.promise as SignedAccountantPromise
  await first.ledger.close()

  const { ledger, resign } = await open(newKey)
  const newest = newestOf(await resign(bob.identity))
  expect(withoutSignature(newest)).toEqual(withoutSignature(promised))
  expect([signerOf(promised, promised.signature), signerOf(newest, newest.signature)]).toEqual([
    oldOperator,
    newOperator,
  ])
  // What `providers/me` shows, after a restart too; and asked again, the log stays as it is.
  expect(ledger.get('providers', bob.identity)?.promise).toEqual(newest)
  const after = bytesOf(ledger)
  expect(await resign(bob.identity)).toEqual({ newest })
  expect(bytesOf((await open(newKey)).ledger)).toEqual(after)
  expect(bytesOf((await verifyLog(store, crypto)).state)).toEqual(after)

  // The batch is answered as before, but for the signatures; and its preimage still reveals what it credited.
  const again = await ledger.apply(batchOf(1n))
  if (again.kind !== 'answered' || given.kind !== 'answered') throw new Error(again.kind)
  const [was, is] = [opened(given.answer, oldOperator), opened(again.answer, newOperator)]
  expect(is).toEqual({ ...was, promise: newest })
  expect((await ledger.apply(batchOf(2n))).kind).toBe('answered')
  expect([...ledger.entries('channels')][0]?.[1]).toMatchObject({ revealedAmount: 10n })
})

test('what was shown stays shown', async () => {
  const { ledger } = await open(oldKey)
  await ledger.apply(batchOf(1n))
  await ledger.apply({ kind: 'reveal', provider: bob.identity, preimage: preimageOf(bob.identity, 1n) })
  await ledger.close()
  const next = await open(newKey)
  await next.resign(bob.identity)
  expect(next.ledger.get('providers', bob.identity)?.unrevealed).toBeUndefined()
  expect(next.ledger.get('totals', 'all')).toMatchObject({ batches: 1, credited: 10n })
})

test('a promise that is newer by then, and a provider that was promised nothing, get no signature', async () => {
  const { ledger, resign } = await open(oldKey)
  await ledger.apply(batchOf(1n))
  const before = bytesOf(ledger)
  expect(await ledger.apply({ kind: 'resign', provider: bob.identity, epoch: 0n })).toEqual({ kind: 'newer' })
  expect(await ledger.apply({ kind: 'resign', provider: carol.identity, epoch: 1n })).toEqual({ kind: 'newer' })
  expect(await resign(carol.identity)).toEqual({})
  expect(bytesOf(ledger)).toEqual(before)
})
