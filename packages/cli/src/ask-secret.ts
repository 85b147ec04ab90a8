/**
 * Asks a person for a passphrase, without showing it.
 *
 * @module
 */

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Fault } from '@myst/api'
import type { Shell } from './shell.ts'

/** @throws Fault `terminal-missing` where nobody is there to answer. */
export async function askSecret({ stdin, stderr }: Shell, question: string): Promise<string> {
  if (stdin.isTTY !== true) throw new Fault('terminal-missing', { question })
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: stdin, output: silent, terminal: true })
  stderr.write(`${question}: `)
  try {
    return await lines.question('')
  } finally {
    lines.close()
    stderr.write('\n')
  }
}
