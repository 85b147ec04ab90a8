/**
 * Waits until it is the writer, then commits entry after entry for ever, and says each number once it is acknowledged.
 *
 * @module
 */

import { writeSync } from 'node:fs'
import { openPostgresLedgerStore } from './postgres-ledger-store.ts'

const store = await openPostgresLedgerStore(process.argv[2] as string, { standby: { onWait() {} } })
let newest = (await store.reopen())?.sequence ?? 0
for (;;) {
  const sequence = newest + 1
  const body = new TextEncoder().encode(`${process.pid}`)
  await store.append({ entry: { sequence, hash: new Uint8Array(32), body }, oldest: 1 })
  newest = sequence
  writeSync(1, `${newest}\n`)
}
