/**
 * Deterministic CBOR, the subset our messages use: unsigned integers up to 256 bits, byte and text strings, booleans,
 * arrays, and maps with small integer keys.
 *
 * One value has one encoding: shortest forms, keys in ascending order, no duplicates, no indefinite lengths. The decoder
 * refuses everything else, so that the hash of a decoded message is the hash of its bytes.
 *
 * Source: RFC 8949 §4.2 (core deterministic encoding), §3.4.3 (bignums).
 *
 * @module
 */

import { bytesToUint, concatBytes, uintToBytes } from './bytes.ts'

export type CborValue = bigint | boolean | string | Uint8Array | readonly CborValue[] | CborMap
export type CborMap = ReadonlyMap<number, CborValue>

/** Nesting of a proposal in a list in an answer is 6; more is an attack on the stack. */
const maxDepth = 8

const major = { uint: 0, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
const bignumTag = 2n
const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeCbor(value: CborValue): Uint8Array {
  if (typeof value === 'bigint') return encodeUint(value)
  if (typeof value === 'boolean') return Uint8Array.of((major.simple << 5) | (value ? 21 : 20))
  if (typeof value === 'string') {
    const bytes = utf8.encode(value)
    return concatBytes(head(major.text, BigInt(bytes.length)), bytes)
  }
  if (value instanceof Uint8Array) return concatBytes(head(major.bytes, BigInt(value.length)), value)
  if (value instanceof Map) {
    const entries = [...(value as CborMap)].sort(([a], [b]) => a - b)
    const parts = entries.flatMap(([key, item]) => [head(major.uint, BigInt(key)), encodeCbor(item)])
    return concatBytes(head(major.map, BigInt(entries.length)), ...parts)
  }
  const items = value as readonly CborValue[]
  return concatBytes(head(major.array, BigInt(items.length)), ...items.map(encodeCbor))
}

function encodeUint(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError('no negative integers on the wire')
  if (value >> 64n === 0n) return head(major.uint, value)
  const length = Math.ceil(value.toString(16).length / 2)
  if (length > 32) throw new RangeError('integer above 256 bits')
  return concatBytes(head(major.tag, bignumTag), head(major.bytes, BigInt(length)), uintToBytes(value, length))
}

function head(type: number, argument: bigint): Uint8Array {
  const first = type << 5
  if (argument < 24n) return Uint8Array.of(first | Number(argument))
  if (argument < 0x100n) return Uint8Array.of(first | 24, Number(argument))
  if (argument < 0x1_0000n) return concatBytes(Uint8Array.of(first | 25), uintToBytes(argument, 2))
  if (argument < 0x1_0000_0000n) return concatBytes(Uint8Array.of(first | 26), uintToBytes(argument, 4))
  return concatBytes(Uint8Array.of(first | 27), uintToBytes(argument, 8))
}

/** @throws RangeError with what is wrong and where; the caller turns it into a refusal (`decodeMessage`). */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader = { bytes, offset: 0 }
  const value = readValue(reader, 0)
  if (reader.offset !== bytes.length) throw new RangeError(`bytes left over at ${reader.offset}`)
  return value
}

interface Reader {
  readonly bytes: Uint8Array
  offset: number
}

function readValue(reader: Reader, depth: number): CborValue {
  if (depth > maxDepth) throw new RangeError('nested too deep')
  const at = reader.offset
  const { type, argument } = readHead(reader)
  switch (type) {
    case major.uint:
      return argument
    case major.bytes:
      return take(reader, argument).slice()
    case major.text:
      return readText(reader, argument, at)
    case major.array:
      return Array.from({ length: count(reader, argument) }, () => readValue(reader, depth + 1))
    case major.map:
      return readMap(reader, argument, depth)
    case major.tag:
      return readBignum(reader, argument, at)
    case major.simple:
      if (argument === 20n || argument === 21n) return argument === 21n
  }
  throw new RangeError(`unsupported type at ${at}`)
}

function readHead(reader: Reader): { type: number; argument: bigint } {
  const at = reader.offset
  const first = take(reader, 1n)[0] as number
  const type = first >> 5
  const info = first & 31
  if (info < 24) return { type, argument: BigInt(info) }
  if (info > 27 || type === major.simple) throw new RangeError(`unsupported head at ${at}`)
  const argument = bytesToUint(take(reader, BigInt(1 << (info - 24))))
  const least = [24n, 0x100n, 0x1_0000n, 0x1_0000_0000n][info - 24] as bigint
  if (argument < least) throw new RangeError(`not the shortest form at ${at}`)
  return { type, argument }
}

function readText(reader: Reader, length: bigint, at: number): string {
  const bytes = take(reader, length)
  try {
    return strictUtf8.decode(bytes)
  } catch {
    throw new RangeError(`not UTF-8 at ${at}`)
  }
}

function readMap(reader: Reader, entries: bigint, depth: number): CborMap {
  const map = new Map<number, CborValue>()
  let previous = -1
  for (let left = count(reader, entries); left > 0; left--) {
    const at = reader.offset
    const { type, argument } = readHead(reader)
    if (type !== major.uint || argument > 0xffffn) throw new RangeError(`map key at ${at}`)
    const key = Number(argument)
    if (key <= previous) throw new RangeError(`map keys out of order at ${at}`)
    previous = key
    map.set(key, readValue(reader, depth + 1))
  }
  return map
}

function readBignum(reader: Reader, tag: bigint, at: number): bigint {
  if (tag !== bignumTag) throw new RangeError(`unsupported tag at ${at}`)
  const { type, argument } = readHead(reader)
  if (type !== major.bytes || argument < 9n || argument > 32n) throw new RangeError(`bignum at ${at}`)
  const bytes = take(reader, argument)
  if (bytes[0] === 0) throw new RangeError(`bignum with leading zero at ${at}`)
  return bytesToUint(bytes)
}

/** Every item takes at least a byte, so a count above what is left lies: refused before anything is allocated. */
function count(reader: Reader, claimed: bigint): number {
  if (claimed > BigInt(reader.bytes.length - reader.offset)) throw new RangeError(`cut short at ${reader.offset}`)
  return Number(claimed)
}

function take(reader: Reader, length: bigint): Uint8Array {
  const taken = count(reader, length)
  reader.offset += taken
  return reader.bytes.subarray(reader.offset - taken, reader.offset)
}
