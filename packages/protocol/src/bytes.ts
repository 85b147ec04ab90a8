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

export function toHex(bytes: Uint8Array): Hex {
  let text: Hex = '0x'
  for (const byte of bytes) text += digits[byte]
  return text as Hex
}

/** @throws RangeError where `hex` is not `0x` followed by whole bytes, in either case. */
export function fromHex(hex: string): Uint8Array {
  if (!hex.startsWith('0x') || hex.length % 2 !== 0) throw new RangeError(`not hex: ${hex.slice(0, 80)}`)
  const bytes = new Uint8Array(hex.length / 2 - 1)
  for (let index = 0; index < bytes.length; index++) {
    const pair = hex.slice(2 + 2 * index, 4 + 2 * index)
    if (!/^[0-9a-fA-F]{2}$/.test(pair)) throw new RangeError(`not hex: ${hex.slice(0, 80)}`)
    bytes[index] = Number.parseInt(pair, 16)
  }
  return bytes
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
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
  return fromHex(`0x${value.toString(16).padStart(2 * length, '0')}`)
}

export function bytesToUint(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(toHex(bytes))
}
