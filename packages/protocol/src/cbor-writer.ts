/**
 * Writes deterministic CBOR into one growing buffer: what each value is, is in `cbor.ts`.
 *
 * There is one buffer for all values, since nothing waits while one is written. It keeps the size of the largest, a log entry
 * of megabytes.
 *
 * @module
 */

import { fromHex, writeIdentifier } from './bytes.ts'

export const major = { uint: 0, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
export const bignumTag = 2
export const [no, yes] = [0xf4, 0xf5] as const
const utf8 = new TextEncoder()
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)

let buffer = new Uint8Array(4096)
let words = new DataView(buffer.buffer)
let written = 0

/** What `write` writes. It may itself ask for other bytes. */
export function cborOf(write: () => void): Uint8Array {
  const start = written
  try {
    write()
    return buffer.slice(start, written)
  } finally {
    written = start
  }
}

function makeRoom(bytes: number): void {
  if (written + bytes <= buffer.length) return
  const larger = new Uint8Array(Math.max(2 * buffer.length, written + bytes))
  larger.set(buffer.subarray(0, written))
  buffer = larger
  words = new DataView(buffer.buffer)
}

export function writeHead(type: number, argument: number): void {
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
    writeWide(type, BigInt(argument))
  }
}

function writeWide(type: number, argument: bigint): void {
  buffer[written] = (type << 5) | 27
  words.setBigUint64(written + 1, argument)
  written += 9
}

/** @throws RangeError where it is negative or has more than 256 bits. */
export function writeUint(value: bigint): void {
  if (value < 0n || value >> 256n !== 0n) throw new RangeError(`no unsigned integer of 256 bits: ${value}`)
  if (value <= maxSafe) return writeHead(major.uint, Number(value))
  makeRoom(9)
  if (value >> 64n === 0n) writeWide(major.uint, value)
  else writeBignum(value)
}

/** Without its leading zeros. */
function writeBignum(value: bigint): void {
  let length = 8
  for (let rest = value >> 64n; rest > 0n; rest >>= 8n) length += 1
  writeHead(major.tag, bignumTag)
  writeHead(major.bytes, length)
  makeRoom(length)
  let [rest, at] = [value, written + length - 8]
  for (; at > written; at -= 8, rest >>= 64n) words.setBigUint64(at, BigInt.asUintN(64, rest))
  // What is left of the highest word has no room for eight bytes.
  for (let byte = at + 7; byte >= written; byte--, rest >>= 8n) buffer[byte] = Number(rest & 0xffn)
  written += length
}

export function writeBytes(bytes: Uint8Array): void {
  writeHead(major.bytes, bytes.length)
  makeRoom(bytes.length)
  buffer.set(bytes, written)
  written += bytes.length
}

/** The bytes that hex names, in either case. @throws RangeError where it names none, or another number of them. */
export function writeHexBytes(hex: string, length: number): void {
  makeRoom(9 + length)
  if (hex.length !== 2 + 2 * length) throw new RangeError(`not ${length} bytes: ${hex.slice(0, 80)}`)
  writeHead(major.bytes, length)
  if (!writeIdentifier(buffer, written, hex, length)) buffer.set(fromHex(hex), written)
  written += length
}

export function writeText(text: string): void {
  if (isShortAscii(text)) {
    writeHead(major.text, text.length)
    for (let at = 0; at < text.length; at++) buffer[written++] = text.charCodeAt(at)
    return
  }
  const bytes = utf8.encode(text)
  writeHead(major.text, bytes.length)
  makeRoom(bytes.length)
  buffer.set(bytes, written)
  written += bytes.length
}

/** Most words are; and so long a head has room for. */
function isShortAscii(text: string): boolean {
  if (text.length > 32) return false
  makeRoom(9 + text.length)
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false
  return true
}

export function writeFlag(value: boolean): void {
  makeRoom(1)
  buffer[written++] = value ? yes : no
}
