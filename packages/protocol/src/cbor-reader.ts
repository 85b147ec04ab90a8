/**
 * Reads deterministic CBOR from bytes, a value at a time. One value has one encoding; every other one is refused.
 *
 * Every function throws RangeError with what is wrong and where. A claimed length or count is checked before anything is
 * allocated for it.
 *
 * @module
 */

import { bytesToUint, hexOf } from './bytes.ts'
import { bignumTag, major, no, yes } from './cbor-writer.ts'

export interface CborReader {
  readonly bytes: Uint8Array
  /** Of the same bytes. */
  readonly words: DataView
  offset: number
  /** Of the head that was read last. */
  type: number
  /** Exact up to 2⁵³; `wide` where the head has eight bytes. */
  argument: number
  wide: bigint
  /** Arrays and maps that are open. */
  depth: number
}

/** Nesting of a proposal in a list in an answer is 6; more is an attack on the stack. */
const maxDepth = 8
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @param read must take all of the bytes. */
export function readAll<T>(bytes: Uint8Array, read: (reader: CborReader) => T): T {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader: CborReader = { bytes, words, offset: 0, type: 0, argument: 0, wide: 0n, depth: 0 }
  const value = read(reader)
  if (reader.offset !== bytes.length) throw new RangeError(`bytes left over at ${reader.offset}`)
  return value
}

/** Of the value that follows, which is not read yet. */
export function nextType(reader: CborReader): number {
  if (reader.depth > maxDepth) throw new RangeError('nested too deep')
  count(reader, 1)
  const first = reader.bytes[reader.offset] as number
  const type = first >> 5
  if (type === negative || (type === major.simple && first !== no && first !== yes)) {
    throw new RangeError(`unsupported ${(first & 31) > 23 ? 'head' : 'type'} at ${reader.offset}`)
  }
  return type
}
const negative = 1

export function readHead(reader: CborReader): void {
  const at = reader.offset
  count(reader, 1)
  const first = reader.bytes[reader.offset++] as number
  const type = first >> 5
  const info = first & 31
  reader.type = type
  reader.argument = info
  if (info < 24) return
  if (info > 27) throw new RangeError(`unsupported head at ${at}`)
  const size = 1 << (info - 24)
  count(reader, size)
  const argument = size < 8 ? readNumber(reader, size) : readWide(reader)
  if (argument < (leastOf[info - 24] as number)) throw new RangeError(`not the shortest form at ${at}`)
  reader.argument = argument
}
/** The smallest argument of a head with 1, 2, 4 and 8 bytes. */
const leastOf = [24, 0x100, 0x1_0000, 0x1_0000_0000]

function readNumber(reader: CborReader, bytes: number): number {
  let value = 0
  for (let left = bytes; left > 0; left--) value = value * 256 + (reader.bytes[reader.offset++] as number)
  return value
}

function readWide(reader: CborReader): number {
  reader.wide = reader.words.getBigUint64(reader.offset)
  reader.offset += 8
  return Number(reader.wide)
}

/** Undefined: what follows is none. */
export function readUint(reader: CborReader): bigint | undefined {
  const type = nextType(reader)
  if (type !== major.uint && type !== major.tag) return undefined
  const at = reader.offset
  readHead(reader)
  const { argument } = reader
  if (type === major.uint) return argument < 0x1_0000_0000 ? BigInt(argument) : reader.wide
  if (argument !== bignumTag) throw new RangeError(`unsupported tag at ${at}`)
  readHead(reader)
  const length = reader.argument
  if (reader.type !== major.bytes || length < 9 || length > 32) throw new RangeError(`bignum at ${at}`)
  const from = take(reader, length)
  if (reader.bytes[from] === 0) throw new RangeError(`bignum with leading zero at ${at}`)
  return bytesToUint(reader.bytes, from, reader.offset)
}

/** Undefined: what follows is none, or of another length. The bytes are a copy. */
export function readBytes(reader: CborReader, least: number, most: number): Uint8Array | undefined {
  const length = lengthOf(reader, major.bytes)
  if (length === undefined || length < least || length > most) return undefined
  const from = take(reader, length)
  // Of a Buffer, its own `slice` would be a view.
  return Uint8Array.prototype.slice.call(reader.bytes, from, reader.offset)
}

/** The same, named in hex. */
export function readHexBytes(reader: CborReader, length: number): string | undefined {
  if (lengthOf(reader, major.bytes) !== length) return undefined
  const from = take(reader, length)
  return hexOf(reader.bytes, from, reader.offset)
}

export function readText(reader: CborReader): string | undefined {
  const at = reader.offset
  const length = lengthOf(reader, major.text)
  if (length === undefined) return undefined
  const from = take(reader, length)
  try {
    return strictUtf8.decode(reader.bytes.subarray(from, reader.offset))
  } catch {
    throw new RangeError(`not UTF-8 at ${at}`)
  }
}

export function readFlag(reader: CborReader): boolean | undefined {
  if (nextType(reader) !== major.simple) return undefined
  return reader.bytes[reader.offset++] === yes
}

/** How many items follow: each of them is to be read, and then it is closed. Undefined: what follows is none. */
export const openArray = (reader: CborReader): number | undefined => open(reader, major.array)
/** How many entries follow: a key by `readKey`, and a value. Undefined: what follows is none. */
export const openMap = (reader: CborReader): number | undefined => open(reader, major.map)

function open(reader: CborReader, type: number): number | undefined {
  const length = lengthOf(reader, type)
  if (length !== undefined) reader.depth += 1
  return length
}

export function close(reader: CborReader): void {
  reader.depth -= 1
}

/** @param previous of the same map; -1 for its first. */
export function readKey(reader: CborReader, previous: number): number {
  const at = reader.offset
  readHead(reader)
  const key = reader.argument
  if (reader.type !== major.uint || key > 0xffff) throw new RangeError(`map key at ${at}`)
  if (key <= previous) throw new RangeError(`map keys out of order at ${at}`)
  return key
}

/** Every item takes at least a byte, so a count above what is left lies. */
function lengthOf(reader: CborReader, type: number): number | undefined {
  if (nextType(reader) !== type) return undefined
  readHead(reader)
  return count(reader, reader.argument)
}

/** @returns where it began. */
function take(reader: CborReader, length: number): number {
  const from = reader.offset
  reader.offset += count(reader, length)
  return from
}

function count(reader: CborReader, claimed: number): number {
  if (claimed > reader.bytes.length - reader.offset) throw new RangeError(`cut short at ${reader.offset}`)
  return claimed
}
