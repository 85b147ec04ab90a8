/** F4, F5: the system refuses a sync, or space, to the real store in a real process (by strace's injection). */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteLedgerStore } from '@myst/store'
import { whyNoStrace } from '@myst/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { countAnswers, mustHold } from './crash.fixture.ts'
import { providers } from './exchanging.fixture.ts'

const long = process.env.MYST_LONG === '1'
const why = whyNoStrace()
const script = join(import.meta.dirname, 'exchanging.fixture.ts')
const batches = 45

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'myst-fault-'))
  path = join(dir, 'ledger.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Runs the fixture while the system fails as told, e.g. `fsync:error=EIO:when=3`. */
function runWith(inject: string) {
  const [call = ''] = inject.split(':')
  const args = ['-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${inject}`]
  const command = [process.execPath, script, path, String(batches)]
  const { stdout, status } = spawnSync('strace', [...args, ...command], { encoding: 'utf8', maxBuffer: 1 << 26 })
  const answered = providers.map(() => 0n)
  countAnswers(answered, stdout)
  const stoppedAt = stdout.indexOf('stopped')
  return { stdout, status, answered, afterStop: stoppedAt < 0 ? '' : stdout.slice(stoppedAt) }
}

const every = (step: number, most: number) => Array.from({ length: Math.floor(most / step) }, (_, at) => 1 + at * step)

describe.skipIf(why !== undefined)(`a disk that fails${why === undefined ? '' : `: skipped, ${why}`}`, () => {
  /** Counted for each thread: about 60 syncs of the log in a whole run, and 80 of the records. The last are theirs alone. */
  const syncs = every(long ? 1 : 9, 76)
  test.each(syncs)('F4: after sync %i was refused once, nothing is acknowledged any more', async (at) => {
    const { stdout, answered, afterStop } = runWith(`fsync:error=EIO:when=${at}`)
    expect(afterStop).not.toMatch(/^\d+ \d+$/m)
    expect(afterStop).not.toContain('store-full')
    // Refused before the ledger was open, nobody was answered; as the last of all, everybody was.
    const total = answered.reduce((sum, epoch) => sum + epoch, 0n)
    if (afterStop === '') expect([0n, BigInt(batches * providers.length)], stdout).toContain(total)
    await mustHold(() => openSqliteLedgerStore(path), answered, { replay: true })
  })

  /** At least 350 writes of each thread in a whole run; the first 40 make its file and open it, the last 50 close it. */
  const writes = long ? every(7, 300).filter((at) => at > 40) : [60, 150, 250]
  test.each(writes)('F5: no space from write %i on, for a while: it goes on without a restart', async (at) => {
    const { stdout, status, answered, afterStop } = runWith(`pwrite64:error=ENOSPC:when=${at}..${at + 30}`)
    expect(status, stdout.slice(-500)).toBe(0)
    // Records without space are put off, and nobody notices.
    if (!long) expect(afterStop).toMatch(/^stopped store-full$/m)
    expect(answered).toEqual(providers.map(() => BigInt(batches)))
    await mustHold(() => openSqliteLedgerStore(path), answered, { replay: true })
  })
})
