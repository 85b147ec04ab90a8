import { referenceCrypto, zeroAddress } from '@myst/protocol'
import { createMemoryLedgerStore } from '@myst/store'
import { alice, bob, mallory } from '@myst/testkit'
import { beforeEach, describe, expect, test } from 'vitest'
import type { CommandOf, ItemFacts } from './commands.ts'
import type { Ledger } from './ledger.ts'
import { bytesOf, channelOf, commandOf, item, lockOf, openTestLedger, preimageOf, reveal, word } from './testing.ts'
import { verifyLog } from './verify-log.ts'

type Open = CommandOf<'open-fast-exit'>
const channel = channelOf(alice.identity)
const signatureOf = (byte: number) => new Uint8Array(65).fill(byte)
const terms: Open['exit'] = {
  amount: 40n,
  beneficiary: alice.identity,
  transactor: zeroAddress,
  fee: 0n,
  nonce: 1n,
  deadline: 2_000n,
}
/** Alice's channel holds 100 in the block 50, a thousand seconds after the beginning. */
const openOf = (exit: Partial<Open['exit']> = {}, facts: Partial<Open> = {}): Open => ({
  kind: 'open-fast-exit',
  channel,
  consumer: alice.identity,
  exit: { ...terms, ...exit },
  signature: signatureOf(1),
  capacity: 100n,
  settled: 0n,
  pendingExit: false,
  block: 50n,
  headTimestampS: 1_000n,
  maxLifetimeS: 1_000n,
  ...facts,
})
const closeOf = (change: Partial<CommandOf<'close-fast-exit'>> = {}): CommandOf<'close-fast-exit'> => ({
  kind: 'close-fast-exit',
  channel,
  nonce: 1n,
  block: 60n,
  timestampS: 1_500n,
  isNonceUsed: true,
  ...change,
})

let ledger: Ledger
let store: ReturnType<typeof createMemoryLedgerStore>
beforeEach(async () => {
  store = createMemoryLedgerStore()
  ledger = await openTestLedger(store)
})
const signed = (byte: number) => ({ ok: true, value: { signature: signatureOf(byte) } })
const codeOf = async (command: Open) => {
  const opened = await ledger.apply(command)
  return opened.ok ? 'signed' : opened.refusal.code
}

let epochs = 0n
beforeEach(() => {
  epochs = 0n
})
/** Bob's next batch: one promise of Alice's. @returns what became of it. */
async function credit(amount: bigint, facts: Partial<ItemFacts> = {}): Promise<string> {
  epochs += 1n
  const hashlock = lockOf(bob.identity, epochs)
  const before = ledger.get('providers', bob.identity)?.promise.amount ?? 0n
  const credited = ledger.get('totals', 'all')?.promises ?? 0
  await ledger.apply(
    commandOf(
      {
        provider: bob.identity,
        epoch: epochs,
        hashlock,
        previousAmount: before,
        ...(epochs === 1n ? {} : { lastPreimage: preimageOf(bob.identity, epochs - 1n) }),
        items: [item({ consumer: alice.identity, provider: bob.identity, amount, lock: hashlock, id: word(1) })],
      },
      { capacity: 100n, block: 50n, ...facts },
    ),
  )
  return ledger.get('totals', 'all')?.promises === credited + 1 ? 'accepted' : 'refused'
}

test('co-signs what lies above the highest amount credited, revealed or not', async () => {
  await credit(60n)
  expect(await ledger.apply(openOf())).toEqual(signed(1))
  expect(ledger.get('fastExits', channel)).toMatchObject({ isOpen: true, exit: terms, consumer: alice.identity })
})

describe('refuses, in this order, and changes nothing', () => {
  // What each row breaks, it breaks together with what the later ones look at.
  const late = { deadline: 9_999n, amount: 1_000n }
  const rows: [code: string, open: Open][] = [
    ['fast-exit-shape', openOf({ ...late, amount: 0n, nonce: 2n }, { pendingExit: true })],
    ['fast-exit-shape', openOf({ ...late, fee: 1_001n, transactor: mallory.identity }, { pendingExit: true })],
    ['fast-exit-shape', openOf({ ...late, fee: 1n }, { pendingExit: true })],
    ['fast-exit-channel-closing', openOf(late, { pendingExit: true })],
    ['fast-exit-deadline', openOf({ ...late, deadline: 2_001n })],
    ['fast-exit-deadline', openOf({ ...late, deadline: 999n })],
    ['fast-exit-over-capacity', openOf({ amount: 41n })],
    ['fast-exit-over-capacity', openOf({ amount: 30n }, { settled: 71n })],
  ]
  beforeEach(() => credit(60n))
  test.each(rows)('%s (%#)', async (code, open) => {
    const before = bytesOf(ledger)
    expect(await codeOf(open)).toBe(code)
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('fast-exit-open: one at a time, whatever else is wrong with the next', async () => {
    await ledger.apply(openOf())
    const before = bytesOf(ledger)
    expect(await codeOf(openOf({ ...late, nonce: 2n }, { pendingExit: true }))).toBe('fast-exit-open')
    expect(bytesOf(ledger)).toEqual(before)
  })

  test('fast-exit-recovering: what was let go since the backup is not known', async () => {
    await ledger.apply({ kind: 'begin-recovery', atMs: 1n, reason: 'operator' })
    const before = bytesOf(ledger)
    expect(await codeOf(openOf({ ...late, nonce: 2n }, { pendingExit: true }))).toBe('fast-exit-recovering')
    expect(bytesOf(ledger)).toEqual(before)
    await ledger.apply({ kind: 'end-recovery', atMs: 2n, recoveryMs: 1 })
    expect((await ledger.apply(openOf())).ok).toBe(true)
  })

  test('and says what would be good', async () => {
    const over = await ledger.apply(openOf({ amount: 41n }))
    expect(over).toEqual({ ok: false, refusal: { code: 'fast-exit-over-capacity', available: 40n } })
    const late = await ledger.apply(openOf({ deadline: 2_001n }))
    expect(late).toEqual({ ok: false, refusal: { code: 'fast-exit-deadline', latestDeadline: 2_000n } })
  })
})

test('the same exit gets the stored signature, byte for byte, whatever the chain shows by then', async () => {
  await ledger.apply(openOf())
  const again = openOf({}, { signature: signatureOf(2), capacity: 0n, pendingExit: true, headTimestampS: 9_000n })
  const before = bytesOf(ledger)
  expect(await ledger.apply(again)).toEqual(signed(1))
  ledger = await openTestLedger(store)
  expect(await ledger.apply(again)).toEqual(signed(1))
  expect(bytesOf(ledger)).toEqual(before)
})

describe('while one is open', () => {
  beforeEach(() => ledger.apply(openOf()))
  test('a promise above what it leaves is refused for now, and one up to it is good', async () => {
    expect(await credit(61n)).toBe('refused')
    expect(await credit(60n)).toBe('accepted')
  })

  test('it is over in a block that shows its nonce used; only what is seen from then on counts', async () => {
    expect(await ledger.apply(closeOf())).toBe('executed')
    // Its money is gone from what the chain shows, but not from what it showed before.
    expect(await credit(1n, { capacity: 100n, block: 59n })).toBe('refused')
    expect(await credit(1n, { capacity: 100n, block: undefined as never })).toBe('refused')
    expect(await credit(60n, { capacity: 60n, block: 60n })).toBe('accepted')
    expect(await codeOf(openOf({ nonce: 2n, amount: 1n }, { block: 59n }))).toBe('fast-exit-over-capacity')
    expect(await codeOf(openOf({ nonce: 2n, amount: 40n }, { block: 60n }))).toBe('signed')
  })

  test('it is over in a block after its deadline, and the channel has it all again', async () => {
    expect(await ledger.apply(closeOf({ isNonceUsed: false, timestampS: 2_001n }))).toBe('expired')
    expect(await credit(100n, { block: 60n })).toBe('accepted')
  })

  test.each([
    ['at its deadline', closeOf({ isNonceUsed: false, timestampS: 2_000n })],
    ['by the nonce of another', closeOf({ nonce: 2n })],
    ['in the channel of another', closeOf({ channel: channelOf(mallory.identity) })],
  ])('it is not over %s', async (_, close) => {
    const before = bytesOf(ledger)
    expect(await ledger.apply(close)).toBe('pending')
    expect(bytesOf(ledger)).toEqual(before)
    expect(await credit(61n)).toBe('refused')
  })

  test('it is over once', async () => {
    await ledger.apply(closeOf())
    expect(await ledger.apply(closeOf({ block: 70n }))).toBe('pending')
  })
})

test('a replay gives the same bytes', async () => {
  await credit(60n)
  await ledger.apply(openOf())
  await ledger.apply(closeOf())
  await reveal(ledger, bob.identity, preimageOf(bob.identity, 1n))
  await ledger.apply(openOf({ nonce: 2n, amount: 1n }, { block: 60n }))
  const { commands, state } = await verifyLog(store, referenceCrypto)
  expect([commands, bytesOf(state)]).toEqual([5, bytesOf(ledger)])
})
