/**
 * Schemas for messages: what goes on the wire is declared once, with its integer keys and bounds, and is typed, encoded
 * and checked from that declaration.
 *
 * Unknown keys are ignored (a newer minor version may add them); missing, misshapen and oversized fields are refused.
 *
 * @example
 * const pingSchema = message({ count: field(0, uint(64)), note: optional(1, text(80)) })
 * decodeMessage(pingSchema, encodeMessage(pingSchema, { count: 1n })) // { ok: true, value: { count: 1n } }
 *
 * @module
 */

import type { Address, Bytes32 } from './bytes.ts'
import { readValue } from './cbor.ts'
import {
  type CborReader,
  close,
  openArray,
  openMap,
  readAll,
  readBytes,
  readFlag,
  readHexBytes,
  readKey,
  readText,
  readUint,
} from './cbor-reader.ts'
import { cborOf, major, writeBytes, writeFlag, writeHead, writeHexBytes, writeText, writeUint } from './cbor-writer.ts'
import { accept, assert, refuse, type Verdict } from './failure.ts'

/** No message but a bulk answer needs more than a few KiB; a receiver never buffers more than this for one. */
export const maxMessageBytes = 65_536

export interface Schema<T> {
  /** To the bytes that are being written (`cborOf`). */
  write(value: T): void
  /** @throws RangeError with what is wrong. */
  read(from: CborReader): T
}

export interface Field<T, Optional extends boolean> {
  readonly key: number
  readonly schema: Schema<T>
  readonly optional: Optional
}
// biome-ignore lint/suspicious/noExplicitAny: a field of any value type
type AnyField = Field<any, boolean>

export const field = <T>(key: number, schema: Schema<T>): Field<T, false> => ({ key, schema, optional: false })
export const optional = <T>(key: number, schema: Schema<T>): Field<T, true> => ({ key, schema, optional: true })

type Required<F> = { [K in keyof F as F[K] extends Field<unknown, true> ? never : K]: F[K] }
type Optional<F> = { [K in keyof F as F[K] extends Field<unknown, true> ? K : never]: F[K] }
type ValueOfField<F> = F extends Field<infer T, boolean> ? T : never
export type MessageOf<F> = { readonly [K in keyof Required<F>]: ValueOfField<F[K]> } & {
  readonly [K in keyof Optional<F>]?: ValueOfField<F[K & keyof F]>
}

export type ValueOfSchema<S> = S extends Schema<infer T> ? T : never

export function message<const F extends Readonly<Record<string, AnyField>>>(fields: F): Schema<MessageOf<F>> {
  // In the order of their keys, as they stand on the wire.
  const entries = Object.entries(fields)
    .map(([name, field]) => ({ name, ...field }))
    .sort((a, b) => a.key - b.key)
  assert(new Set(entries.map(({ key }) => key)).size === entries.length, 'a message has each key once')
  assert(
    entries.every(({ name, key }) => key <= 0xffff && !(name in Object.prototype)),
    'a field is none that every object has',
  )

  function countOf(value: Record<string, unknown>): number {
    let present = 0
    for (const { name } of entries) if (value[name] !== undefined) present += 1
    return present
  }

  return {
    write(value) {
      const record = value as Record<string, unknown>
      writeHead(major.map, countOf(record))
      for (const { name, key, schema } of entries) {
        const item = record[name]
        if (item === undefined) continue
        writeHead(major.uint, key)
        schema.write(item)
      }
    },
    read(from) {
      const left = openMap(from)
      if (left === undefined) throw new RangeError('not a map')
      const record: Record<string, unknown> = {}
      let [key, next] = [-1, 0]
      for (let read = 0; read < left; read++) {
        key = readKey(from, key)
        next = skipAbsent(next, key)
        const field = entries[next]
        if (field?.key !== key) {
          readValue(from)
          continue
        }
        record[field.name] = readWithin(field.name, field.schema, from)
        next += 1
      }
      skipAbsent(next, Number.POSITIVE_INFINITY)
      close(from)
      return record as MessageOf<F>
    },
  }

  /** @returns the next field whose key is not below this one. */
  function skipAbsent(next: number, key: number): number {
    let at = next
    for (let field = entries[at]; field !== undefined && field.key < key; field = entries[++at]) {
      if (!field.optional) throw new RangeError(`${field.name} is missing`)
    }
    return at
  }
}

/** Says where it was: `items: 3: amount: not …`. */
function readWithin<T>(name: string | number, schema: Schema<T>, from: CborReader): T {
  try {
    return schema.read(from)
  } catch (cause) {
    throw new RangeError(`${name}: ${(cause as Error).message}`)
  }
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`not ${what}`)
  return value
}

export const uint = (bits: number): Schema<bigint> => {
  const end = 1n << BigInt(bits)
  const what = `an unsigned integer of ${bits} bits`
  return {
    write: writeUint,
    read(from) {
      const value = required(readUint(from), what)
      if (value >= end) throw new RangeError(`not ${what}`)
      return value
    },
  }
}

export const count = (max: number): Schema<number> => {
  const inner = uint(53)
  return {
    write: (value) => writeUint(BigInt(value)),
    read(from) {
      const value = inner.read(from)
      if (value > BigInt(max)) throw new RangeError(`above ${max}`)
      return Number(value)
    },
  }
}

export const flag: Schema<boolean> = { write: writeFlag, read: (from) => required(readFlag(from), 'a boolean') }

/** At most `max` UTF-16 units. */
export const text = (max: number): Schema<string> => {
  const what = `text of at most ${max}`
  return {
    write: writeText,
    read(from) {
      const value = required(readText(from), what)
      if (value.length > max) throw new RangeError(`not ${what}`)
      return value
    },
  }
}

export const bytes = (max: number, min = 0): Schema<Uint8Array> => {
  const what = `bytes, ${min} to ${max}`
  return { write: writeBytes, read: (from) => required(readBytes(from, min, max), what) }
}

const hexBytes = <T extends string>(length: number): Schema<T> => {
  const what = `bytes, ${length} to ${length}`
  return {
    write: (value) => writeHexBytes(value, length),
    read: (from) => required(readHexBytes(from, length), what) as T,
  }
}
export const address: Schema<Address> = hexBytes(20)
export const bytes32: Schema<Bytes32> = hexBytes(32)
export const signature: Schema<Uint8Array> = bytes(65, 65)

export const list = <T>(item: Schema<T>, max: number): Schema<readonly T[]> => ({
  write(values) {
    writeHead(major.array, values.length)
    for (const value of values) item.write(value)
  },
  read(from) {
    const length = required(openArray(from), 'a list')
    if (length > max) throw new RangeError(`more than ${max} items`)
    const items: T[] = []
    while (items.length < length) items.push(readWithin(items.length, item, from))
    close(from)
    return items
  },
})

/** One of a few words; on the wire the word itself, so that a dump can be read. */
export const oneOf = <const W extends readonly string[]>(words: W): Schema<W[number]> => {
  const what = `one of ${words.join(', ')}`
  return {
    write: writeText,
    read(from) {
      const word = required(readText(from), what)
      return required(
        words.find((one) => one === word),
        what,
      )
    },
  }
}

/** One of several messages, told apart by a word: on the wire `[word, message]`. */
export function variants<const V extends Readonly<Record<string, Schema<unknown>>>>(
  schemas: V,
): Schema<{ [K in keyof V & string]: { readonly kind: K } & ValueOfSchema<V[K]> }[keyof V & string]> {
  type Variant = { [K in keyof V & string]: { readonly kind: K } & ValueOfSchema<V[K]> }[keyof V & string]
  return {
    write(value) {
      writeHead(major.array, 2)
      writeText(value.kind)
      ;(schemas[value.kind] as Schema<unknown>).write(value)
    },
    read(from) {
      const length = openArray(from) ?? 0
      const kind = length < 2 ? undefined : readText(from)
      if (kind === undefined) throw new RangeError('not a variant')
      if (!Object.hasOwn(schemas, kind)) throw new RangeError(`unknown kind ${kind.slice(0, 40)}`)
      const value = readWithin(kind, schemas[kind] as Schema<object>, from)
      for (let more = 2; more < length; more++) readValue(from)
      close(from)
      return { kind, ...value } as Variant
    },
  }
}

export type MessageRefusal =
  | { readonly code: 'message-too-large'; readonly bytes: number; readonly max: number }
  | { readonly code: 'message-invalid'; readonly why: string }

export const encodeMessage = <T>(schema: Schema<T>, value: T): Uint8Array => cborOf(() => schema.write(value))

export function decodeMessage<T>(
  schema: Schema<T>,
  encoded: Uint8Array,
  max = maxMessageBytes,
): Verdict<MessageRefusal, T> {
  if (encoded.length > max) return refuse({ code: 'message-too-large', bytes: encoded.length, max })
  try {
    return accept(readAll(encoded, schema.read))
  } catch (cause) {
    if (cause instanceof RangeError) return refuse({ code: 'message-invalid', why: cause.message.slice(0, 200) })
    throw cause
  }
}
