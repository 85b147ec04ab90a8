/**
 * Tables for the terminal: columns and nothing else, so that they can be read and cut.
 *
 * @module
 */

import Table from 'cli-table3'
import type { Paint } from './shell.ts'

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const

const style = { head: [], border: [], 'padding-left': 0, 'padding-right': 0 }

export function renderTable(paint: Paint, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ head: head.map((name) => paint('dim', name)), chars: noBorders, style })
  table.push(...rows.map((row) => [...row]))
  return trimLines(table.toString())
}

/** Names on the left, values on the right. */
export function renderFields(paint: Paint, fields: readonly (readonly [name: string, value: string])[]): string {
  const table = new Table({ chars: noBorders, style })
  table.push(...fields.map(([name, value]) => [paint('dim', name), value]))
  return trimLines(table.toString())
}

const trimLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
