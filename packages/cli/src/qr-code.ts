/**
 * A QR code in the terminal: two modules a character, half blocks.
 *
 * @module
 */

import { create } from 'qrcode'
import type { Paint } from './shell.ts'

/** The standard's quiet zone; scanners look for it. */
const quietModules = 4

/**
 * On a terminal, black on white whatever its colours are. Without colours the light modules are drawn, as terminals are
 * mostly dark, and scanners mostly read both.
 */
export function renderQrCode(text: string, paint: Paint): string {
  const { modules } = create(text, { errorCorrectionLevel: 'M' })
  const coloured = paint('bold', '') !== ''
  const drawn = (row: number, column: number): boolean => {
    const inside = row >= 0 && column >= 0 && row < modules.size && column < modules.size
    const dark = inside && modules.get(row, column) === 1
    return dark === coloured
  }
  const lines: string[] = []
  for (let row = -quietModules; row < modules.size + quietModules; row += 2) {
    let line = ''
    for (let column = -quietModules; column < modules.size + quietModules; column++) {
      line += halfBlocks[`${drawn(row, column)}-${drawn(row + 1, column)}`]
    }
    lines.push(paint(['black', 'bgWhiteBright'], line))
  }
  return lines.join('\n')
}

/** Upper and lower half. */
const halfBlocks = {
  'true-true': '█',
  'true-false': '▀',
  'false-true': '▄',
  'false-false': ' ',
} as const satisfies Record<`${boolean}-${boolean}`, string>
