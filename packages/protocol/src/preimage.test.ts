import { createHmac, hkdfSync } from 'node:crypto'
import { readVectors } from '@myst/testkit'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, concatBytes, fromHex, type Hex, toHex, uintToBytes } from './bytes.ts'
import { derivePreimage, firstEpoch, hashlockOf, preimageSecret, transportSeed } from './preimage.ts'
import { referenceCrypto as crypto } from './reference-crypto.ts'

interface PreimageVector {
  readonly privateKey: Hex
  readonly chainId: string
  readonly accountant: Address
  readonly epoch: string
  readonly secret: Hex
  readonly preimage: Hex
  readonly hashlock: Hex
}
const vectors = readVectors<PreimageVector>('preimage')

describe('published vectors', () => {
  test.each(vectors)('$name', (vector) => {
    const secret = preimageSecret(fromHex(vector.privateKey))
    const scope = { chainId: BigInt(vector.chainId), accountant: vector.accountant }
    const preimage = derivePreimage(secret, scope, BigInt(vector.epoch))
    expect([toHex(secret), toHex(preimage)]).toEqual([vector.secret, vector.preimage])
    expect(hashlockOf(crypto, preimage)).toBe(vector.hashlock)
  })

  test.each(vectors)("$name, by Node's own HKDF and HMAC", (vector) => {
    const secret = Buffer.from(hkdfSync('sha256', fromHex(vector.privateKey), '', 'myst/preimages/1', 32))
    const scope = concatBytes(
      uintToBytes(BigInt(vector.chainId)),
      fromHex(vector.accountant),
      uintToBytes(BigInt(vector.epoch), 8),
    )
    expect(toHex(createHmac('sha256', secret).update(scope).digest())).toBe(vector.preimage)
  })

  test('no two of them share a preimage or a lock', () => {
    expect(new Set(vectors.map(({ preimage }) => preimage)).size).toBe(vectors.length)
    expect(new Set(vectors.map(({ hashlock }) => hashlock)).size).toBe(vectors.length)
  })
})

test('the transport key has a secret of its own', () => {
  const key = uintToBytes(0xb0bn)
  expect(toHex(transportSeed(key))).not.toBe(toHex(preimageSecret(key)))
})

test('a preimage has exactly 32 bytes', () => {
  for (const length of [0, 31, 33, 64]) expect(() => hashlockOf(crypto, new Uint8Array(length))).toThrow(RangeError)
})

test('an epoch above 64 bits is refused, not truncated', () => {
  const scope = { chainId: 1n, accountant: `0x${'11'.repeat(20)}` as const }
  expect(() => derivePreimage(new Uint8Array(32), scope, 1n << 64n)).toThrow(RangeError)
})

describe('W30: no epoch is ever used twice', () => {
  const epochs = fc.bigInt({ min: 0n, max: 1n << 62n })
  const clocks = fc.integer({ min: -1, max: 4_000_000_000_000 })

  test('the first is above the last durable one, above the newest shown, and above the clock', () => {
    fc.assert(
      fc.property(epochs, epochs, clocks, (durable, shown, startedAtMs) => {
        const epoch = firstEpoch(durable, shown, startedAtMs)
        expect(epoch > durable && epoch > shown && epoch > BigInt(Math.max(0, startedAtMs)) << 10n).toBe(true)
      }),
    )
  })

  test('after a lost disk: a start a millisecond later is past a thousand epochs', () => {
    fc.assert(
      fc.property(clocks, fc.integer({ min: 0, max: 1022 }), (startedAtMs, used) => {
        const last = firstEpoch(0n, 0n, startedAtMs) + BigInt(used)
        expect(firstEpoch(0n, 0n, Math.max(0, startedAtMs) + 1) > last).toBe(true)
      }),
    )
  })

  test('with the clock set back, what is durable or shown still holds', () => {
    expect(firstEpoch(500n << 10n, 0n, 3)).toBe((500n << 10n) + 1n)
    expect(firstEpoch(0n, 500n << 10n, 3)).toBe((500n << 10n) + 1n)
  })
})
