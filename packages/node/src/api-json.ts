/**
 * Node Core's values as JSON, and back: a `bigint` is a decimal string there.
 *
 * @module
 */

import { Fault, parseBaseUnits } from '@myst/protocol'

export type Json<T> = T extends bigint
  ? string
  : T extends string | number | boolean | undefined
    ? T
    : T extends readonly (infer E)[]
      ? Json<E>[]
      : { -readonly [K in keyof T]: Json<T[K]> }

export function toJson<T>(value: T): Json<T> {
  if (typeof value === 'bigint') return value.toString() as Json<T>
  if (Array.isArray(value)) return value.map(toJson) as Json<T>
  if (typeof value !== 'object' || value === null) return value as Json<T>
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)])) as Json<T>
}

/** @throws Fault `amount-invalid` above 2²⁵⁶ − 1; the schema has checked the digits. */
export function readAmount(text: string): bigint {
  const amount = parseBaseUnits(text)
  if (!amount.ok) throw new Fault(amount.refusal.code, { text: amount.refusal.text })
  return amount.value
}
