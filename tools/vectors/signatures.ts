/**
 * What is a signature here, and what is not: C5, W6, W7.
 *
 * @module
 */
import { bytesToUint, concatBytes, toHex, uintToBytes, zeroAddress } from '@myst/protocol'
import { crypto, identityOf, keyOf, type Person, utf8, type Vector, type VectorFile } from './vector.ts'

/** The order of secp256k1. Source: SEC 2, §2.4.1. */
const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
/** The prime of its field: x coordinates between n and p exist, and no 65-byte signature can name them. */
const p = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn
const max = (1n << 256n) - 1n

const digest = crypto.keccak256(utf8('a digest'))

const join = (r: bigint, s: bigint, ...v: readonly number[]): Uint8Array =>
  concatBytes(uintToBytes(r), uintToBytes(s), Uint8Array.from(v))

function parts(person: Person, hash: Uint8Array): { r: bigint; s: bigint; v: number } {
  const signature = crypto.sign(hash, keyOf(person))
  const word = (from: number) => bytesToUint(signature.subarray(from, from + 32))
  return { r: word(0), s: word(32), v: signature[64] as number }
}

/** The last r of a point that recovers: near the order, not every x is on the curve. */
function lastR(): bigint {
  for (let r = n - 1n; ; r--) if (crypto.recover(digest, join(r, 1n, 27)) !== undefined) return r
}

function accepted(name: string, why: string, signature: Uint8Array, hash = digest): Vector {
  const signer = crypto.recover(hash, signature)
  if (signer === undefined) throw new Error(`${name}: nobody signed it`)
  return { name, why, digest: toHex(hash), signature: toHex(signature), accepted: true, signer }
}

const refused = (name: string, why: string, signature: Uint8Array): Vector => ({
  name,
  why,
  digest: toHex(digest),
  signature: toHex(signature),
  accepted: false,
  signer: zeroAddress,
})

export function signatureVectors(): VectorFile {
  const { r, s, v } = parts('alice', digest)
  const other = v === 27 ? 28 : 27
  const good = join(r, s, v)
  /** EIP-2098, for v = 28: the parity is the top bit of s, and there is no v. */
  const compact = join(r, s | (1n << 255n))
  return {
    about:
      'Canonical signatures, 65 bytes r ‖ s ‖ v with 0 < r < n, 0 < s ≤ n/2, v 27 or 28: every verifier accepts these and no others.',
    vectors: [
      ...(['alice', 'bob', 'carol'] as const).map((person) =>
        accepted(`signed by ${identityOf(person)}`, `RFC 6979, ${person}'s key`, crypto.sign(digest, keyOf(person))),
      ),
      accepted('over zero', 'a digest of zeros', crypto.sign(new Uint8Array(32), keyOf('alice')), new Uint8Array(32)),
      accepted('the other v', 'canonical, and somebody else signed it', join(r, s, other)),
      accepted('s = n/2', 'the largest s', join(r, n >> 1n, v)),
      accepted('s = 1', 'the smallest s', join(r, 1n, v)),
      accepted('r = 1', 'the smallest r', join(1n, s, 27)),
      accepted('the last r', 'the largest x below n of a point', join(lastR(), 1n, 27)),
      refused('the high twin', 'W6: ecrecover itself would name the same signer', join(r, n - s, other)),
      refused('the high twin with the same v', 's above n/2', join(r, n - s, v)),
      refused('s = n/2 + 1', 'the first s above the half', join(r, (n >> 1n) + 1n, v)),
      refused('s = n − 1', 'the last s of the curve', join(r, n - 1n, v)),
      refused('s = n', 'zero in disguise', join(r, n, v)),
      refused('s = 2²⁵⁶ − 1', 'beyond the order', join(r, max, v)),
      refused('s = 0', 'no signature', join(r, 0n, v)),
      refused('r = 0', 'no point', join(0n, s, v)),
      refused('r = s = 0', 'the signature that recovers to nobody', join(0n, 0n, v)),
      refused('r = n', 'zero in disguise', join(n, s, v)),
      refused('r = n + 1', 'the alias of r = 1', join(n + 1n, s, 27)),
      refused('r = p', 'beyond the field', join(p, s, v)),
      refused('r = 2²⁵⁶ − 1', 'beyond the field', join(max, s, v)),
      refused('r = 5', 'no point has this x', join(5n, s, 27)),
      ...[0, 1, 2, 3, 26, 29, 30, 37, 38, 255].map((bad) =>
        refused(`v = ${bad}`, 'W7: v is 27 or 28', join(r, s, bad)),
      ),
      // Recovery ids 2 and 3 name x = r + n, which is on the curve for some of these r: libraries recover a signer there.
      ...[1n, 2n, 3n, 4n, 5n, 6n].map((small) =>
        refused(
          `v = ${29n + (small & 1n)} with r = ${small}`,
          'r + n may be a point',
          join(small, s, Number(29n + (small & 1n))),
        ),
      ),
      refused('empty', 'length 0', new Uint8Array(0)),
      refused('64 bytes, cut', 'the v is missing', good.subarray(0, 64)),
      refused('64 bytes, EIP-2098', 'the compact form is another signature over the same words', compact),
      refused(
        'EIP-2098 with a v behind it',
        'a length of 65 does not make it one',
        concatBytes(compact, Uint8Array.of(v)),
      ),
      refused('66 bytes', 'a byte too much', concatBytes(good, Uint8Array.of(0))),
      refused('v first', 'the order of some libraries', concatBytes(good.subarray(64), good.subarray(0, 64))),
      refused('130 bytes', 'two signatures', concatBytes(good, good)),
    ],
  }
}
