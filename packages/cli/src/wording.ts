/**
 * Numbers as people read them: cut, never rounded up; `--json` has them whole.
 *
 * @module
 */

import { formatMyst } from '@myst/api'

/** What a person compares; a MiB costs some 10⁻⁴ MYST. */
const shownDecimals = 6

/** @example mystText('46470038592815400') === '0.04647 MYST' */
export function mystText(amount: string): string {
  const [whole = '0', fraction = ''] = formatMyst(BigInt(amount)).split('.')
  const shown = fraction.slice(0, shownDecimals).replace(/0+$/, '')
  if (whole === '0' && shown === '' && fraction !== '') return `<0.${'1'.padStart(shownDecimals, '0')} MYST`
  return `${whole}${shown === '' ? '' : `.${shown}`} MYST`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const

export function bytesText(bytes: string): string {
  let value = Number(BigInt(bytes))
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** @example durationText(3_700_000) === '1 h 1 min' */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.trunc(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.trunc(minutes / 60)} h ${minutes % 60} min`
}

/** Enough to compare costs by. */
const shownDigits = 4

/** Sums in a chain's coin, which are often tiny; costs are rounded up, so that what is shown is enough. */
export function coinText(wei: string, rounding: 'up' | 'down'): string {
  const amount = BigInt(wei)
  const dropped = 10n ** BigInt(Math.max(0, Math.min(amount.toString().length, 19) - shownDigits))
  const kept = (amount + (rounding === 'up' ? dropped - 1n : 0n)) / dropped
  return formatMyst(kept * dropped)
}

/** @example delayText('345600') === '4 days' */
export function delayText(seconds: string): string {
  const total = BigInt(seconds)
  for (const [length, name] of [
    [86_400n, 'day'],
    [3600n, 'hour'],
    [60n, 'minute'],
  ] as const) {
    if (total >= length && total % length === 0n) return `${total / length} ${name}${total === length ? '' : 's'}`
  }
  return `${total} second${total === 1n ? '' : 's'}`
}

/** @example gasText('7685584') === '7 685 584' */
export const gasText = (gas: string): string => gas.replace(/\B(?=(\d{3})+$)/g, ' ')
