/**
 * Deterministic CBOR, the subset our messages use: unsigned integers up to 256 bits, byte and text strings, booleans,
 * arrays, and maps with small integer keys.
 *
 * One value has one encoding: shortest forms, keys in ascending order, no duplicates, no indefinite lengths. The decoder
 * refuses everything else, so that the hash of a decoded message is the hash of its bytes.
 *
 * Messages are read and written by their schemas (`message.ts`) without values of this kind in between; they are what a
 * message of a newer version may hold beside.
 *
 * Source: RFC 8949 §4.2 (core deterministic encoding), §3.4.3 (bignums).
 *
 * @module
 */

import {
  type CborReader,
  close,
  openArray,
  openMap,
  readAll,
  readBytes,
  readFlag,
  readKey,
  readText,
  readUint,
} from './cbor-reader.ts'
import { cborOf, major, writeBytes, writeFlag, writeHead, writeText, writeUint } from './cbor-writer.ts'
import { assert } from './failure.ts'

export type CborValue = bigint | boolean | string | Uint8Array | readonly CborValue[] | CborMap
export type CborMap = ReadonlyMap<number, CborValue>

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

/** @throws RangeError with what is wrong and where; the caller turns it into a refusal (`decodeMessage`). */
export const decodeCbor = (bytes: Uint8Array): CborValue => readAll(bytes, readValue)

/** @throws RangeError */
export function readValue(reader: CborReader): CborValue {
  const value =
    readUint(reader) ??
    readBytes(reader, 0, Number.MAX_SAFE_INTEGER) ??
    readText(reader) ??
    readFlag(reader) ??
    readArray(reader) ??
    readMap(reader)
  assert(value !== undefined, 'the reader refuses every other type')
  return value
}

function readArray(reader: CborReader): readonly CborValue[] | undefined {
  const length = openArray(reader)
  if (length === undefined) return undefined
  const items: CborValue[] = []
  for (let left = length; left > 0; left--) items.push(readValue(reader))
  close(reader)
  return items
}

function readMap(reader: CborReader): CborMap | undefined {
  const entries = openMap(reader)
  if (entries === undefined) return undefined
  const map = new Map<number, CborValue>()
  let key = -1
  for (let left = entries; left > 0; left--) {
    key = readKey(reader, key)
    map.set(key, readValue(reader))
  }
  close(reader)
  return map
}
