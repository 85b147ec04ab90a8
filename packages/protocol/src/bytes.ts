/**
 * Bytes and their hex names: addresses, 32-byte words, hex strings.
 *
 * Identifiers are lower-case `0x` strings, so that `===` compares them; payloads are `Uint8Array`.
 *
 * @module
 */

export type Hex = `0x${string}`
/** 20 bytes, lower-case hex, no checksum casing. */
export type Address = Hex
/** 32 bytes, lower-case hex. */
export type Bytes32 = Hex

export const zeroAddress: Address = `0x${'00'.repeat(20)}`
export const zeroBytes32: Bytes32 = `0x${'00'.repeat(32)}`

const addressPattern = /^0x[0-9a-f]{40}$/
const bytes32Pattern = /^0x[0-9a-f]{64}$/

export const isAddress = (value: unknown): value is Address => typeof value === 'string' && addressPattern.test(value)
export const isBytes32 = (value: unknown): value is Bytes32 => typeof value === 'string' && bytes32Pattern.test(value)

const digits = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'))

/** Two ASCII digits of each byte, in the order of this machine's memory. */
const digitsOf = Uint16Array.from(digits, (text) => {
  const pair = Uint8Array.of(text.charCodeAt(0), text.charCodeAt(1))
  return new Uint16Array(pair.buffer)[0] as number
})
const ascii = new TextDecoder()
/** `0x`, and room for the digits of 64 bytes. */
const hexText = new TextEncoder().encode(`0x${'00'.repeat(64)}`)
const hexDigits = new Uint16Array(hexText.buffer, 2, 64)
/** Of addresses and words, which are nearly all that is named. */
const shortTexts = new Map([20, 32].map((length) => [length, hexText.subarray(0, 2 + 2 * length)]))

export const toHex = (bytes: Uint8Array): Hex => hexOf(bytes, 0, bytes.length)

/**
 * A string in one piece: one that is put together from pairs takes three times as long till a map has found it.
 *
 * @param end of what is named, exclusive.
 */
export function hexOf(bytes: Uint8Array, from: number, end: number): Hex {
  const length = end - from
  if (length > hexDigits.length) {
    const parts = ['0x']
    for (let at = from; at < end; at += hexDigits.length) {
      parts.push(hexOf(bytes, at, Math.min(at + hexDigits.length, end)).slice(2))
    }
    return parts.join('') as Hex
  }
  for (let at = 0; at < length; at++) hexDigits[at] = digitsOf[bytes[from + at] as number] as number
  return ascii.decode(shortTexts.get(length) ?? hexText.subarray(0, 2 + 2 * length)) as Hex
}

/** @throws RangeError where `hex` is not `0x` followed by whole bytes, in either case. */
export function fromHex(hex: string): Uint8Array {
  if (!hex.startsWith('0x') || hex.length % 2 !== 0) throw new RangeError(`not hex: ${hex.slice(0, 80)}`)
  const bytes = new Uint8Array(hex.length / 2 - 1)
  let wrong = 0
  for (let index = 0; index < bytes.length; index++) {
    const high = nibble(hex.charCodeAt(2 * index + 2))
    const low = nibble(hex.charCodeAt(2 * index + 3))
    wrong |= high | low
    bytes[index] = (high << 4) | low
  }
  if (wrong > 0xf) throw new RangeError(`not hex: ${hex.slice(0, 80)}`)
  return bytes
}

/** By character code; what is no hex digit has a bit above the low four. */
const nibbles = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())
  return value < 0 ? 0x10 : value
})
const nibble = (code: number): number => nibbles[code] ?? 0x10
const lowerNibbles = nibbles.map((value, code) => (code < 0x60 && value > 9 ? 0x10 : value))
const lowerNibble = (code: number): number => lowerNibbles[code] ?? 0x10

/** Writes the bytes of an identifier, lower-case, from `at` on. @returns false where it is none of so many bytes. */
export function writeIdentifier(into: Uint8Array, at: number, hex: string, length: number): boolean {
  if (hex.length !== 2 + 2 * length || !hex.startsWith('0x')) return false
  let wrong = 0
  for (let index = 0; index < length; index++) {
    const high = lowerNibble(hex.charCodeAt(2 * index + 2))
    const low = lowerNibble(hex.charCodeAt(2 * index + 3))
    wrong |= high | low
    into[at + index] = (high << 4) | low
  }
  return wrong <= 0xf
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** Big-endian, `length` bytes. @throws RangeError where the value is negative or needs more bytes: nothing is ever truncated. */
export function uintToBytes(value: bigint, length = 32): Uint8Array {
  if (value < 0n || value >> BigInt(8 * length) !== 0n) throw new RangeError(`${value} does not fit ${length} bytes`)
  if (length !== 32) return fromHex(`0x${value.toString(16).padStart(2 * length, '0')}`)
  const bytes = new Uint8Array(32)
  writeUint(bytes, 0, value)
  return bytes
}

/** 32 bytes from `at` on, which hold zeros. Without a string in between: each promise has six of them. @throws RangeError as `uintToBytes`. */
export function writeUint(into: Uint8Array, at: number, value: bigint): void {
  if (value < 0n || value >> 256n !== 0n) throw new RangeError(`${value} does not fit 32 bytes`)
  let rest = value
  for (let word = at + 24; rest > 0n; word -= 8, rest >>= 64n) {
    wordView.setBigUint64(0, BigInt.asUintN(64, rest))
    for (let byte = 0; byte < 8; byte++) into[word + byte] = wordBytes[byte] as number
  }
}
const wordBytes = new Uint8Array(8)
const wordView = new DataView(wordBytes.buffer)

/** @param end exclusive. */
export function bytesToUint(bytes: Uint8Array, from = 0, end = bytes.length): bigint {
  let value = 0n
  let at = from
  // Six bytes are a number exactly.
  for (let stop = from + ((end - from) % 6); at < end; stop += 6) {
    let part = 0
    while (at < stop) part = part * 256 + (bytes[at++] as number)
    value = (value << 48n) | BigInt(part)
  }
  return value
}
