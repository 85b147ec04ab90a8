/**
 * A terminal with lines that stay and a table below them that is redrawn in place. Elsewhere than on a terminal, lines alone.
 *
 * @module
 */

import type { WriteStream } from 'node:tty'

export interface Screen {
  /** A line that stays, above the table. */
  say(line: string): void
  /** Replaces the table. */
  show(table: string): void
}

export function createScreen(stream: NodeJS.WriteStream | WriteStream): Screen {
  let table = ''

  function erase(): void {
    if (table === '') return
    const lines = table.split('\n').length
    stream.write(`\x1b[${lines}A\x1b[0J`)
  }

  return {
    say(line) {
      erase()
      stream.write(`${line}\n`)
      if (table !== '') stream.write(`${table}\n`)
    },
    show(next) {
      if (!stream.isTTY) return
      erase()
      table = next
      stream.write(`${table}\n`)
    },
  }
}
