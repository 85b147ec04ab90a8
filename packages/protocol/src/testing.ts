/**
 * For this package's tests: CBOR values as bytes and in the notation of RFC 8949 §8, and values whose JSON can be compared.
 *
 * @module
 */

import { toHex } from './bytes.ts'
import { type CborMap, type CborValue, readValue } from './cbor.ts'
import { readAll } from './cbor-reader.ts'
import { cborOf, major, writeBytes, writeFlag, writeHead, writeText, writeUint } from './cbor-writer.ts'

export const encodeCbor = (value: CborValue): Uint8Array => cborOf(() => writeValue(value))

export function writeValue(value: CborValue): void {
  if (typeof value === 'bigint') return writeUint(value)
  if (value instanceof Uint8Array) return writeBytes(value)
  if (value instanceof Map) return writeMap(value as CborMap)
  if (typeof value === 'string') return writeText(value)
  if (typeof value === 'boolean') return writeFlag(value)
  const items = value as readonly CborValue[]
  writeHead(major.array, items.length)
  for (const item of items) writeValue(item)
}

function writeMap(map: CborMap): void {
  writeHead(major.map, map.size)
  for (const [key, item] of [...map].sort(([a], [b]) => a - b)) {
    writeHead(major.uint, key)
    writeValue(item)
  }
}

/** @throws RangeError with what is wrong and where. */
export const decodeCbor = (bytes: Uint8Array): CborValue => readAll(bytes, readValue)

export function notationOf(value: CborValue): string {
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `h'${toHex(value).slice(2)}'`
  if (value instanceof Map) {
    return `{${[...(value as CborMap)].map(([key, item]) => `${key}: ${notationOf(item)}`).join(', ')}}`
  }
  return `[${(value as readonly CborValue[]).map(notationOf).join(', ')}]`
}

/** Amounts as decimal strings, bytes as hex, as the vectors have them. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(jsonOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, jsonOf(field)]))
}
