import { deriveKeys, type ExchangeDesk, systemClock } from '@myst/billing'
import { referenceCrypto as crypto, type TransactorState, toHex } from '@myst/protocol'
import { expect, test } from 'vitest'
import type { TransactorClient } from '../transactor-client.ts'
import { settleNewest } from './settlement.ts'

const bob = deriveKeys(crypto, new Uint8Array(32).fill(0xb0))
const address = toHex(new Uint8Array(20).fill(0xcc)) as `0x${string}`
const desk = {
  accountant: { address },
  domain: { chainId: 31337n, verifyingContract: address },
  newest: () => ({ promise: { amount: 1_100n, signature: new Uint8Array(65) }, preimage: new Uint8Array(32) }),
} as unknown as ExchangeDesk

const settleAt = (fee: bigint, settled = 100n) =>
  settleNewest(
    {
      crypto,
      clock: systemClock,
      transactor: {
        quote: async () => ({ transactor: address, fee }),
        carry: async () => ({ status: 'mined' }) as TransactorState,
      } as unknown as TransactorClient,
    },
    bob,
    desk,
    settled,
  )

test('signs a fee of half of what is due, and no more', async () => {
  expect(await settleAt(500n)).toMatchObject({ fee: 500n, paid: 1_000n })
  await expect(settleAt(501n)).rejects.toThrow('fee-too-high fee=501 due=1000')
  await expect(settleAt(1_000n)).rejects.toThrow('fee-above-earnings')
})

test('has nothing to settle twice', () => expect(settleAt(1n, 1_100n)).rejects.toThrow('nothing-to-settle'))
