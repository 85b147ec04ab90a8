/**
 * Commits pairs of records for ever, and writes each number to stdout once its commit has returned.
 *
 * @module
 */

import { writeSync } from 'node:fs'
import { openSqliteStore } from './sqlite-store.ts'

const store = openSqliteStore(process.argv[2] as string)
const first = [...store.load('left')].length
for (let number = first; ; number++) {
  const value = new Uint8Array(1 + (number % 3000)).fill(number)
  store.commit([
    { table: 'left', key: String(number), value },
    { table: 'right', key: String(number), value },
  ])
  writeSync(1, `${number}\n`)
}
