/**
 * For this package's tests: CBOR in the notation of RFC 8949 §8, and values whose JSON can be compared.
 *
 * @module
 */

import { toHex } from './bytes.ts'
import type { CborMap, CborValue } from './cbor.ts'

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
