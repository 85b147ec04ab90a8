/**
 * Deterministic CBOR, the subset our messages use: unsigned integers up to 256 bits, byte and text strings, booleans,
 * arrays, and maps with small integer keys.
 *
 * One value has one encoding: shortest forms, keys in ascending order, no duplicates, no indefinite lengths. The reader
 * refuses everything else, so that the hash of a decoded message is the hash of its bytes.
 *
 * Messages are read and written by their schemas (`message.ts`) without values of this kind in between; they are what a
 * message of a newer version may hold beside, which is checked and left.
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
  readBytes,
  readFlag,
  readKey,
  readText,
  readUint,
} from './cbor-reader.ts'
import { assert } from './failure.ts'

export type CborValue = bigint | boolean | string | Uint8Array | readonly CborValue[] | CborMap
export type CborMap = ReadonlyMap<number, CborValue>

/** @throws RangeError with what is wrong and where; the caller turns it into a refusal (`decodeMessage`). */
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
