import { create } from 'qrcode'
import { expect, test } from 'vitest'
import { renderQrCode } from './qr-code.ts'
import { painter } from './shell.ts'

const address = `0x${'c0ffee'.repeat(6)}abcd`
const onTerminal = painter({ write: () => {}, isTTY: true }, {})
const elsewhere = painter({ write: () => {} }, {})

/** What a camera sees: true where it is drawn. */
function readDrawn(text: string): boolean[][] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  const lines = text.replaceAll(/\u001b\[[\d;]*m/g, '').split('\n')
  return lines.flatMap((line) => [
    [...line].map((block) => block === '█' || block === '▀'),
    [...line].map((block) => block === '█' || block === '▄'),
  ])
}

test.each([
  ['dark modules in black on white, on a terminal', onTerminal, true],
  ['light modules, without colours', elsewhere, false],
] as const)('draws the %s, with a quiet zone around', (_what, paint, dark) => {
  const drawn = readDrawn(renderQrCode(address, paint))
  const { modules } = create(address, { errorCorrectionLevel: 'M' })
  const size = modules.size + 8
  expect(drawn.length).toBeGreaterThanOrEqual(size)
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const inside = row >= 4 && column >= 4 && row < size - 4 && column < size - 4
      const isDark = inside && modules.get(row - 4, column - 4) === 1
      expect(drawn[row]?.[column]).toBe(isDark === dark)
    }
  }
})

test('colours are for terminals, and not where NO_COLOR is set', () => {
  expect(onTerminal('red', 'x')).toBe('\u001b[31mx\u001b[39m')
  expect(elsewhere('red', 'x')).toBe('x')
  expect(painter({ write: () => {}, isTTY: true }, { NO_COLOR: '1' })('red', 'x')).toBe('x')
})
