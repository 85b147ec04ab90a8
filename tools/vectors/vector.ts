/**
 * What every vector file looks like.
 *
 * @module
 */
import { type Address, referenceCrypto, toHex, uintToBytes } from '@myst/protocol'

export interface VectorFile {
  /** What the file holds both sides to. */
  readonly about: string
  readonly vectors: readonly Vector[]
}

/** `why` says what a vector is there for, or where it is from. */
export interface Vector {
  readonly name: string
  readonly why: string
  readonly [field: string]: unknown
}

export const crypto = referenceCrypto

/** The people of our tests, with the keys that the contracts' tests give them. */
export const people = { alice: 0xa11cen, bob: 0xb0bn, carol: 0xca401n } as const
export type Person = keyof typeof people

export const keyOf = (person: Person): Uint8Array => uintToBytes(people[person])
export const identityOf = (person: Person): Address => crypto.addressOf(keyOf(person))

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A made-up address of a contract, the same each time. */
export const namedAddress = (name: string): Address => toHex(crypto.keccak256(utf8(name)).subarray(12))
export const namedWord = (name: string): `0x${string}` => toHex(crypto.keccak256(utf8(name)))

/** Amounts as decimal strings, bytes as hex: what JSON can carry. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, toJson(field)]))
  }
  return value
}
