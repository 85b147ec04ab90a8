/**
 * What every adapter of the Crypto port must do. An adapter's test calls `cryptoCompliance` with a way to load it.
 *
 * @module
 */

import { bytesToUint, type Crypto, concatBytes, fromHex, type Hex, referenceCrypto, uintToBytes } from '@myst/protocol'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { alice, bob, carol } from '../people.ts'
import { readVectors } from '../vectors.ts'

interface SignatureVector {
  readonly digest: Hex
  readonly signature: Hex
  readonly accepted: boolean
  readonly signer: Hex
}

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const keys = fc.bigInt({ min: 1n, max: curveOrder - 1n }).map((key) => uintToBytes(key))
/** Known answers. Source: Keccak team's test vectors for Keccak-256; the empty string's is in EIP-1052. */
const hashes: readonly [text: string, hash: Hex][] = [
  ['', '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
  ['abc', '0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'],
]
const notHashes = [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33)]
const notKeys: readonly [what: string, key: Uint8Array][] = [
  ['zero', new Uint8Array(32)],
  ['the order', uintToBytes(curveOrder)],
  ['above the order', new Uint8Array(32).fill(255)],
  ['31 bytes', new Uint8Array(31).fill(1)],
  ['33 bytes', new Uint8Array(33).fill(1)],
  ['empty', new Uint8Array(0)],
]

export function cryptoCompliance(name: string, load: () => Promise<Crypto>): void {
  describe(`crypto: ${name}`, () => {
    let crypto: Crypto
    beforeAll(async () => {
      crypto = await load()
    })

    test.each(hashes)('hashes %j as published', (text, hash) => {
      expect(crypto.keccak256(new TextEncoder().encode(text))).toEqual(fromHex(hash))
    })

    test('a hash stays what it was when the next is made', () => {
      const first = crypto.keccak256(Uint8Array.of(1))
      const copy = first.slice()
      crypto.keccak256(Uint8Array.of(2))
      expect(first).toEqual(copy)
    })

    test.each(readVectors<SignatureVector>('signature'))('$name: accepted $accepted', (vector) => {
      const signer = crypto.recover(fromHex(vector.digest), fromHex(vector.signature))
      expect(signer).toBe(vector.accepted ? vector.signer : undefined)
    })

    test('recovers whoever signed, from a canonical signature', () => {
      fc.assert(
        fc.property(keys, bytesOf(32), (key, hash) => {
          const signature = crypto.sign(hash, key)
          expect(signature).toHaveLength(65)
          expect(crypto.recover(hash, signature)).toBe(crypto.addressOf(key))
        }),
        { numRuns: 50 },
      )
    })

    test('signs the same hash with the same bytes', () => {
      const hash = crypto.keccak256(Uint8Array.of(7))
      expect(crypto.sign(hash, bob.privateKey)).toEqual(crypto.sign(hash, bob.privateKey))
      expect(crypto.sign(hash, bob.privateKey)).not.toEqual(crypto.sign(hash, alice.privateKey))
    })

    test('a signature over one hash is nobody known over another', () => {
      const signature = crypto.sign(crypto.keccak256(Uint8Array.of(1)), carol.privateKey)
      expect(crypto.recover(crypto.keccak256(Uint8Array.of(2)), signature)).not.toBe(carol.identity)
    })

    test.each(notHashes)('recovers nobody where the hash has %o', (hash) => {
      const signature = crypto.sign(new Uint8Array(32).fill(1), alice.privateKey)
      expect(crypto.recover(hash, signature)).toBeUndefined()
    })

    test.each(notHashes)('signs no hash of %o', (hash) => {
      expect(() => crypto.sign(hash, alice.privateKey)).toThrow()
    })

    test.each(notKeys)('takes no key: %s', (_, key) => {
      expect(() => crypto.addressOf(key)).toThrow(RangeError)
      expect(() => crypto.sign(new Uint8Array(32).fill(1), key)).toThrow()
    })

    test('leaves its arguments as they were', () => {
      const hash = new Uint8Array(32).fill(3)
      const key = alice.privateKey.slice()
      const signature = crypto.sign(hash, key)
      const before = signature.slice()
      crypto.recover(hash, signature)
      expect([hash, key, signature]).toEqual([new Uint8Array(32).fill(3), alice.privateKey, before])
    })

    test('takes bytes that lie inside a longer buffer', () => {
      const hash = crypto.keccak256(Uint8Array.of(1))
      const signature = crypto.sign(hash, alice.privateKey)
      const whole = concatBytes(Uint8Array.of(9, 9, 9), hash, signature, Uint8Array.of(9))
      expect(crypto.recover(whole.subarray(3, 35), whole.subarray(35, 100))).toBe(alice.identity)
      expect(crypto.keccak256(whole.subarray(3, 35))).toEqual(crypto.keccak256(hash))
    })

    describe('next to the reference', () => {
      test('hashes alike', () => {
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
            expect(crypto.keccak256(bytes)).toEqual(referenceCrypto.keccak256(bytes))
          }),
        )
      })

      test('signs alike', () => {
        fc.assert(
          fc.property(keys, bytesOf(32), (key, hash) => {
            expect(crypto.sign(hash, key)).toEqual(referenceCrypto.sign(hash, key))
            expect(crypto.addressOf(key)).toBe(referenceCrypto.addressOf(key))
          }),
          { numRuns: 50 },
        )
      })

      test('recovers alike, from anything', () => {
        const near = fc.oneof(
          fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
          fc.constantFrom(0n, 1n, curveOrder >> 1n, (curveOrder >> 1n) + 1n, curveOrder - 1n, curveOrder),
        )
        const v = fc.oneof(fc.constantFrom(27, 28), fc.nat(255))
        let signers = 0
        fc.assert(
          fc.property(bytesOf(32), near, near, v, fc.nat(2), (hash, r, s, last, cut) => {
            const signature = concatBytes(uintToBytes(r), uintToBytes(s), Uint8Array.of(last)).subarray(
              cut === 2 ? 1 : 0,
            )
            const signer = crypto.recover(hash, signature)
            if (signer !== undefined) signers += 1
            expect(signer).toBe(referenceCrypto.recover(hash, signature))
          }),
          { numRuns: 400 },
        )
        // One run in twelve or so has a signer.
        expect(signers).toBeGreaterThan(5)
      })

      test('recovers alike, from signatures with one bit flipped', () => {
        fc.assert(
          fc.property(bytesOf(32), fc.nat(519), (hash, bit) => {
            const signature = crypto.sign(hash, alice.privateKey)
            signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7))
            const signer = crypto.recover(hash, signature)
            expect(signer).toBe(referenceCrypto.recover(hash, signature))
            expect(signer).not.toBe(alice.identity)
          }),
          { numRuns: 80 },
        )
      })

      test('signs with a low s only', () => {
        fc.assert(
          fc.property(keys, bytesOf(32), (key, hash) => {
            expect(bytesToUint(crypto.sign(hash, key).subarray(32, 64)) <= curveOrder >> 1n).toBe(true)
          }),
          { numRuns: 50 },
        )
      })
    })
  })
}
