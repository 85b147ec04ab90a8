import { deriveKeys, systemClock } from '@myst/billing'
import { referenceCrypto as crypto, hashTypedData, settleOrderStruct, toHex, zeroAddress } from '@myst/protocol'
import { expect, test } from 'vitest'
import { placeIn, promisedIn, requireFairFee, signSettlement } from './settle-request.ts'

const bob = deriveKeys(crypto, new Uint8Array(32).fill(0xb0))
const accountant = toHex(new Uint8Array(20).fill(0xcc)) as `0x${string}`
const promised = { amount: 1_100n, signature: new Uint8Array(65).fill(7), preimage: new Uint8Array(32).fill(9) }

test('a fee of half of what is due is fair, and no more', () => {
  requireFairFee(500n, 1_000n)
  expect(() => requireFairFee(501n, 1_000n)).toThrow('fee-too-high fee=501 due=1000')
  expect(() => requireFairFee(1_000n, 1_000n)).toThrow('fee-above-earnings')
})

test('an order says whose it is, where it goes and what it costs, signed; another transactor gets the same promise', () => {
  const terms = { into: 'stake', allowPartial: true, transactor: accountant, fee: 3n } as const
  const request = signSettlement({ crypto, clock: systemClock }, bob, { chainId: 1n, accountant }, promised, terms)
  const { order, orderSignature } = request
  expect(order).toMatchObject({ provider: bob.identity, into: 1, amount: 1_100n, beneficiary: zeroAddress, fee: 3n })
  const hash = hashTypedData(crypto, { chainId: 1n, verifyingContract: accountant }, settleOrderStruct, order)
  expect(crypto.recover(hash, orderSignature)).toBe(bob.identity)
  expect(promisedIn(request)).toEqual(promised)
  expect(placeIn(request)).toEqual({ into: 'stake', beneficiary: zeroAddress, allowPartial: true })
})
