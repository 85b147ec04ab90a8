/**
 * MYST amounts for people and for JSON: base units inside, decimal strings outside, never a float.
 *
 * @module
 */

import { accept, refuse, type Verdict } from './failure.ts'

const decimals = 18
/** One MYST in base units. */
export const myst = 10n ** 18n
/** The largest amount that a contract can count. */
export const maxUint256 = (1n << 256n) - 1n

export type AmountRefusal = { readonly code: 'amount-invalid'; readonly text: string }

/** Reads "1", "0.003", "1_000.5"; at most 18 decimals, no sign, no exponent. */
export function parseMyst(text: string): Verdict<AmountRefusal, bigint> {
  const match = /^(\d{1,59})(?:\.(\d{1,18}))?$/.exec(text.replaceAll('_', ''))
  if (match === null) return refuse({ code: 'amount-invalid', text: text.slice(0, 80) })
  return accept(BigInt(match[1] as string) * myst + BigInt((match[2] ?? '').padEnd(decimals, '0')))
}

/** Exact, without trailing zeros. @example formatMyst(3n * 10n ** 15n) === '0.003' */
export function formatMyst(amount: bigint): string {
  const sign = amount < 0n ? '-' : ''
  const units = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0')
  const fraction = units.slice(-decimals).replace(/0+$/, '')
  return `${sign}${units.slice(0, -decimals)}${fraction === '' ? '' : `.${fraction}`}`
}

/** A decimal string of base units, as JSON carries them: "0", "1500"; nothing else, at most 2²⁵⁶ − 1. */
export function parseBaseUnits(text: unknown): Verdict<AmountRefusal, bigint> {
  if (typeof text === 'string' && /^(0|[1-9]\d{0,77})$/.test(text)) {
    const amount = BigInt(text)
    if (amount <= maxUint256) return accept(amount)
  }
  return refuse({ code: 'amount-invalid', text: String(text).slice(0, 80) })
}

export const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)
export const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)
