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

import { bytesToUint, uintToBytes } from './bytes.ts'

export type CborValue = bigint | boolean | string | Uint8Array | readonly CborValue[] | CborMap
export type CborMap = ReadonlyMap<number, CborValue>

/** Nesting of a proposal in a list in an answer is 6; more is an attack on the stack. */
const maxDepth = 8

const major = { uint: 0, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
const bignumTag = 2
const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeCbor(value: CborValue): Uint8Array {
  written = 0
  writeValue(value)
  return buffer.slice(0, written)
}

/** One for all values: nothing waits while one is written. It keeps the size of the largest, a log entry of megabytes. */
let buffer = new Uint8Array(4096)
let words = new DataView(buffer.buffer)
let written = 0

function makeRoom(bytes: number): void {
  if (written + bytes <= buffer.length) return
  const larger = new Uint8Array(Math.max(2 * buffer.length, written + bytes))
  larger.set(buffer.subarray(0, written))
  buffer = larger
  words = new DataView(buffer.buffer)
}

function writeValue(value: CborValue): void {
  if (typeof value === 'bigint') return writeUint(value)
  if (value instanceof Uint8Array) return writeBytes(major.bytes, value)
  if (value instanceof Map) return writeMap(value as CborMap)
  if (typeof value === 'string') return writeBytes(major.text, utf8.encode(value))
  if (typeof value === 'boolean') return writeHead(major.simple, value ? 21 : 20)
  const items = value as readonly CborValue[]
  writeHead(major.array, items.length)
  for (const item of items) writeValue(item)
}

function writeBytes(type: number, bytes: Uint8Array): void {
  writeHead(type, bytes.length)
  copyBytes(bytes)
}

function copyBytes(bytes: Uint8Array): void {
  makeRoom(bytes.length)
  buffer.set(bytes, written)
  written += bytes.length
}

function writeMap(map: CborMap): void {
  writeHead(major.map, map.size)
  for (const [key, item] of inOrder(map)) {
    writeHead(major.uint, key)
    writeValue(item)
  }
}

/** Messages are declared in the order of their keys, so sorting is the exception. */
function inOrder(map: CborMap): Iterable<[number, CborValue]> {
  let previous = -1
  for (const key of map.keys()) {
    if (key < previous) return [...map].sort(([a], [b]) => a - b)
    previous = key
  }
  return map
}

function writeUint(value: bigint): void {
  if (value < 0n) throw new RangeError('no negative integers on the wire')
  if (value <= maxSafe) return writeHead(major.uint, Number(value))
  if (value >> 64n === 0n) return writeHead64(value)
  const bytes = uintToBytes(value)
  const leading = bytes.findIndex((byte) => byte !== 0)
  writeHead(major.tag, bignumTag)
  writeBytes(major.bytes, bytes.subarray(leading))
}
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)

function writeHead(type: number, argument: number): void {
  makeRoom(9)
  const first = type << 5
  if (argument < 24) {
    buffer[written++] = first | argument
  } else if (argument < 0x100) {
    buffer[written++] = first | 24
    buffer[written++] = argument
  } else if (argument < 0x1_0000) {
    buffer[written] = first | 25
    words.setUint16(written + 1, argument)
    written += 3
  } else if (argument < 0x1_0000_0000) {
    buffer[written] = first | 26
    words.setUint32(written + 1, argument)
    written += 5
  } else {
    writeHead64(BigInt(argument), type)
  }
}

function writeHead64(argument: bigint, type: number = major.uint): void {
  makeRoom(9)
  buffer[written] = (type << 5) | 27
  words.setBigUint64(written + 1, argument)
  written += 9
}

/** @throws RangeError with what is wrong and where; the caller turns it into a refusal (`decodeMessage`). */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader: Reader = { bytes, offset: 0, type: 0, argument: 0, wide: 0n }
  const value = readValue(reader, 0)
  if (reader.offset !== bytes.length) throw new RangeError(`bytes left over at ${reader.offset}`)
  return value
}

interface Reader {
  readonly bytes: Uint8Array
  offset: number
  /** Of the head that was read last. */
  type: number
  /** Exact up to 2⁵³; `wide` where the head has eight bytes. */
  argument: number
  wide: bigint
}

function readValue(reader: Reader, depth: number): CborValue {
  if (depth > maxDepth) throw new RangeError('nested too deep')
  const at = reader.offset
  readHead(reader)
  const { type, argument } = reader
  switch (type) {
    case major.uint:
      return argument < 0x1_0000_0000 ? BigInt(argument) : reader.wide
    case major.bytes:
      reader.offset += count(reader, argument)
      return reader.bytes.slice(reader.offset - argument, reader.offset)
    case major.text:
      return readText(reader, argument, at)
    case major.array:
      return readArray(reader, argument, depth)
    case major.map:
      return readMap(reader, argument, depth)
    case major.tag:
      return readBignum(reader, argument, at)
    case major.simple:
      if (argument === 20 || argument === 21) return argument === 21
  }
  throw new RangeError(`unsupported type at ${at}`)
}

function readHead(reader: Reader): void {
  const at = reader.offset
  const first = readByte(reader)
  const type = first >> 5
  const info = first & 31
  reader.type = type
  reader.argument = info
  if (info < 24) return
  if (info > 27 || type === major.simple) throw new RangeError(`unsupported head at ${at}`)
  const size = 1 << (info - 24)
  count(reader, size)
  const argument = size < 8 ? readNumber(reader, size) : readWide(reader)
  if (argument < (leastOf[info - 24] as number)) throw new RangeError(`not the shortest form at ${at}`)
  reader.argument = argument
}

function readNumber(reader: Reader, bytes: number): number {
  let value = 0
  for (let left = bytes; left > 0; left--) value = value * 256 + (reader.bytes[reader.offset++] as number)
  return value
}

function readWide(reader: Reader): number {
  const [high, low] = [readNumber(reader, 4), readNumber(reader, 4)]
  reader.wide = (BigInt(high) << 32n) | BigInt(low)
  return high * 0x1_0000_0000 + low
}
/** The smallest argument of a head with 1, 2, 4 and 8 bytes. */
const leastOf = [24, 0x100, 0x1_0000, 0x1_0000_0000]

function readText(reader: Reader, length: number, at: number): string {
  const bytes = take(reader, length)
  try {
    return strictUtf8.decode(bytes)
  } catch {
    throw new RangeError(`not UTF-8 at ${at}`)
  }
}

function readArray(reader: Reader, length: number, depth: number): readonly CborValue[] {
  const items: CborValue[] = []
  for (let left = count(reader, length); left > 0; left--) items.push(readValue(reader, depth + 1))
  return items
}

function readMap(reader: Reader, entries: number, depth: number): CborMap {
  const map = new Map<number, CborValue>()
  let previous = -1
  for (let left = count(reader, entries); left > 0; left--) {
    const at = reader.offset
    readHead(reader)
    const key = reader.argument
    if (reader.type !== major.uint || key > 0xffff) throw new RangeError(`map key at ${at}`)
    if (key <= previous) throw new RangeError(`map keys out of order at ${at}`)
    previous = key
    map.set(key, readValue(reader, depth + 1))
  }
  return map
}

function readBignum(reader: Reader, tag: number, at: number): bigint {
  if (tag !== bignumTag) throw new RangeError(`unsupported tag at ${at}`)
  readHead(reader)
  const length = reader.argument
  if (reader.type !== major.bytes || length < 9 || length > 32) throw new RangeError(`bignum at ${at}`)
  const bytes = take(reader, length)
  if (bytes[0] === 0) throw new RangeError(`bignum with leading zero at ${at}`)
  return bytesToUint(bytes)
}

/** Every item takes at least a byte, so a count above what is left lies: refused before anything is allocated. */
function count(reader: Reader, claimed: number): number {
  if (claimed > reader.bytes.length - reader.offset) throw new RangeError(`cut short at ${reader.offset}`)
  return claimed
}

function readByte(reader: Reader): number {
  count(reader, 1)
  return reader.bytes[reader.offset++] as number
}

function take(reader: Reader, length: number): Uint8Array {
  reader.offset += count(reader, length)
  return reader.bytes.subarray(reader.offset - length, reader.offset)
}
