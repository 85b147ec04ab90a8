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

import { type Address, type Bytes32, fromHex, toHex } from './bytes.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
import { accept, refuse, type Verdict } from './failure.ts'

/** No message but a bulk answer needs more than a few KiB; a receiver never buffers more than this for one. */
export const maxMessageBytes = 65_536

export interface Schema<T> {
  encode(value: T): CborValue
  /** @throws RangeError with what is wrong. */
  decode(value: CborValue): T
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
  const entries = Object.entries(fields).sort(([, a], [, b]) => a.key - b.key)
  return {
    encode(value) {
      const map = new Map<number, CborValue>()
      for (const [name, { key, schema }] of entries) {
        const item = (value as Record<string, unknown>)[name]
        if (item !== undefined) map.set(key, schema.encode(item))
      }
      return map
    },
    decode(value) {
      if (!(value instanceof Map)) throw new RangeError('not a map')
      const decoded: Record<string, unknown> = {}
      for (const [name, { key, schema, optional }] of entries) {
        const item = (value as CborMap).get(key)
        if (item !== undefined) decoded[name] = decodeWithin(name, schema, item)
        else if (!optional) throw new RangeError(`${name} is missing`)
      }
      return decoded as MessageOf<F>
    },
  }
}

/** Says where it was: `items: 3: amount: not …`. */
function decodeWithin<T>(name: string | number, schema: Schema<T>, value: CborValue): T {
  try {
    return schema.decode(value)
  } catch (cause) {
    throw new RangeError(`${name}: ${(cause as Error).message}`)
  }
}

function checked<T>(what: string, is: (value: CborValue) => boolean): Schema<T> {
  return {
    encode: (value) => value as CborValue,
    decode(value) {
      if (!is(value)) throw new RangeError(`not ${what}`)
      return value as T
    },
  }
}

export const uint = (bits: number): Schema<bigint> => {
  const end = 1n << BigInt(bits)
  return checked(
    `an unsigned integer of ${bits} bits`,
    (value) => typeof value === 'bigint' && value >= 0n && value < end,
  )
}

export const count = (max: number): Schema<number> => {
  const inner = uint(53)
  return {
    encode: (value) => BigInt(value),
    decode(value) {
      const decoded = inner.decode(value)
      if (decoded > BigInt(max)) throw new RangeError(`above ${max}`)
      return Number(decoded)
    },
  }
}

export const flag: Schema<boolean> = checked('a boolean', (value) => typeof value === 'boolean')

/** At most `max` UTF-16 units. */
export const text = (max: number): Schema<string> =>
  checked(`text of at most ${max}`, (value) => typeof value === 'string' && value.length <= max)

export const bytes = (max: number, min = 0): Schema<Uint8Array> =>
  checked(
    `bytes, ${min} to ${max}`,
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
  )

const hexBytes = <T extends string>(length: number): Schema<T> => {
  const inner = bytes(length, length)
  return { encode: (value) => fromHex(value), decode: (value) => toHex(inner.decode(value)) as unknown as T }
}
export const address: Schema<Address> = hexBytes(20)
export const bytes32: Schema<Bytes32> = hexBytes(32)
export const signature: Schema<Uint8Array> = bytes(65, 65)

export const list = <T>(item: Schema<T>, max: number): Schema<readonly T[]> => ({
  encode: (values) => values.map((value) => item.encode(value)),
  decode(value) {
    if (!Array.isArray(value)) throw new RangeError('not a list')
    if (value.length > max) throw new RangeError(`more than ${max} items`)
    return value.map((entry, index) => decodeWithin(index, item, entry))
  },
})

/** One of a few words; on the wire the word itself, so that a dump can be read. */
export const oneOf = <const W extends readonly string[]>(words: W): Schema<W[number]> =>
  checked(`one of ${words.join(', ')}`, (value) => typeof value === 'string' && words.includes(value))

/** One of several messages, told apart by a word: on the wire `[word, message]`. */
export function variants<const V extends Readonly<Record<string, Schema<unknown>>>>(
  schemas: V,
): Schema<{ [K in keyof V & string]: { readonly kind: K } & ValueOfSchema<V[K]> }[keyof V & string]> {
  type Variant = { [K in keyof V & string]: { readonly kind: K } & ValueOfSchema<V[K]> }[keyof V & string]
  return {
    encode: (value) => [value.kind, (schemas[value.kind] as Schema<unknown>).encode(value)],
    decode(value) {
      const [kind, body] = Array.isArray(value) ? value : []
      if (typeof kind !== 'string' || body === undefined) throw new RangeError('not a variant')
      if (!Object.hasOwn(schemas, kind)) throw new RangeError(`unknown kind ${kind.slice(0, 40)}`)
      const decoded = decodeWithin(kind, schemas[kind] as Schema<object>, body)
      return { kind, ...decoded } as Variant
    },
  }
}

export type MessageRefusal =
  | { readonly code: 'message-too-large'; readonly bytes: number; readonly max: number }
  | { readonly code: 'message-invalid'; readonly why: string }

export const encodeMessage = <T>(schema: Schema<T>, value: T): Uint8Array => encodeCbor(schema.encode(value))

export function decodeMessage<T>(
  schema: Schema<T>,
  encoded: Uint8Array,
  max = maxMessageBytes,
): Verdict<MessageRefusal, T> {
  if (encoded.length > max) return refuse({ code: 'message-too-large', bytes: encoded.length, max })
  try {
    return accept(schema.decode(decodeCbor(encoded)))
  } catch (cause) {
    if (cause instanceof RangeError) return refuse({ code: 'message-invalid', why: cause.message.slice(0, 200) })
    throw cause
  }
}
