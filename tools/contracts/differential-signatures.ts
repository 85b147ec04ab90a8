/**
 * Signatures that are right, and each way known to us in which one can be wrong: C5, W6, W7.
 *
 * @module
 */

import { bytesToUint, concatBytes, uintToBytes } from '@myst/protocol'
import type { Random } from './random.ts'

/** The order of secp256k1. Source: SEC 2, §2.4.1. */
const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
/** The prime of its field. */
const p = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn
const half = n >> 1n
const max = (1n << 256n) - 1n

type Change = (signature: Uint8Array, random: Random) => Uint8Array

const wordEdges = [0n, 1n, 2n, half - 1n, half, half + 1n, n - 1n, n, n + 1n, p - 1n, p, max]
const vEdges = [0, 1, 2, 3, 4, 26, 27, 28, 29, 30, 31, 32, 37, 38, 127, 128, 155, 156, 255]
const lengthEdges = [0, 1, 31, 32, 33, 63, 64, 65, 66, 96, 97, 129, 130]

function withWord(signature: Uint8Array, offset: 0 | 32, value: bigint): Uint8Array {
  const changed = signature.slice()
  changed.set(uintToBytes(value), offset)
  return changed
}

function withV(signature: Uint8Array, v: number): Uint8Array {
  const changed = signature.slice()
  changed[64] = v
  return changed
}

const sOf = (signature: Uint8Array) => bytesToUint(signature.subarray(32, 64))
const otherV = (signature: Uint8Array) => (signature[64] === 27 ? 28 : 27)

/** EIP-2098: the parity is the top bit of s, and there is no v. */
function compact(signature: Uint8Array): Uint8Array {
  const changed = signature.slice(0, 64)
  if (signature[64] === 28) changed[32] = (changed[32] as number) | 0x80
  return changed
}

function toLength(signature: Uint8Array, length: number, random: Random): Uint8Array {
  if (length <= 65) return signature.slice(0, length)
  const tail = random.pick([new Uint8Array(length - 65), random.bytes(length - 65)])
  return concatBytes(signature, tail)
}

/** By name, so that a mismatch says what was tried. Some of them leave, or make, a signature that counts. */
export const signatureChanges: Readonly<Record<string, Change>> = {
  none: (signature) => signature,
  'the high twin': (signature) => withV(withWord(signature, 32, n - sOf(signature)), otherV(signature)),
  'high s, same v': (signature) => withWord(signature, 32, n - sOf(signature)),
  'the other v': (signature) => withV(signature, otherV(signature)),
  'an edge as v': (signature, random) => withV(signature, random.pick(vEdges)),
  'any v': (signature, random) => withV(signature, random.below(256)),
  'an edge as r': (signature, random) => withWord(signature, 0, random.pick(wordEdges)),
  'an edge as s': (signature, random) => withWord(signature, 32, random.pick(wordEdges)),
  'edges as r and s': (signature, random) =>
    withWord(withWord(signature, 0, random.pick(wordEdges)), 32, random.pick(wordEdges)),
  'edges as s and v': (signature, random) =>
    withV(withWord(signature, 32, random.pick(wordEdges)), random.pick(vEdges)),
  'a length of note': (signature, random) => toLength(signature, random.pick(lengthEdges), random),
  'any length': (signature, random) => toLength(signature, random.below(131), random),
  compact: (signature) => compact(signature),
  'compact with a v': (signature) => concatBytes(compact(signature), signature.subarray(64)),
  'v first': (signature) => concatBytes(signature.subarray(64), signature.subarray(0, 64)),
  'a bit flipped': (signature, random) => {
    const changed = signature.slice()
    const at = random.below(65)
    changed[at] = (changed[at] as number) ^ (1 << random.below(8))
    return changed
  },
  noise: (_signature, random) => withV(random.bytes(65), random.pick([27, 28])),
}
