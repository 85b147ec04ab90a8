/**
 * F3: the power goes at any moment, and the disk keeps what was synced and any part of the rest. The real store, on what it
 * really wrote.
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteLedgerStore } from '@myst/store'
import { createTracedDisk, type DiskOp, traceDisk, whyNoStrace, writeState } from '@myst/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { countAnswers, mustHold, randomOf } from './crash.fixture.ts'
import { providers } from './exchanging.fixture.ts'

const long = process.env.MYST_LONG === '1'
const why = whyNoStrace()
const states = long ? 20_000 : 600

let dir: string
beforeEach(() => {
  // The states are opened, not cut again: memory serves.
  dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'myst-power-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Enough groups for several checkpoints, a clean end, and the same again. */
function traced(): readonly DiskOp[] {
  const script = join(import.meta.dirname, 'exchanging.fixture.ts')
  return traceDisk(dir, [process.execPath, script, join(dir, 'ledger.db'), '45', '2'])
}

/** Cuts the power at `many` random operations. @returns how many states were opened. */
async function cutPowerOften(ops: readonly DiskOp[], many: number, seed: number): Promise<number> {
  const random = randomOf(seed)
  const moments = Array.from({ length: many }, () => Math.floor(random() * (ops.length + 1))).sort((a, b) => a - b)
  const disk = createTracedDisk()
  const answered = providers.map(() => 0n)
  const left = join(dir, 'left')
  let done = 0
  for (const moment of moments) {
    for (; done < moment; done++) {
      const op = ops[done] as DiskOp
      disk.do(op)
      if (op.kind === 'say') countAnswers(answered, op.text)
    }
    writeState(left, disk.cutPower(random))
    const open = () => openSqliteLedgerStore(join(left, 'ledger.db'))
    await mustHold(open, answered, { replay: random() < 0.02 }).catch((cause) => {
      throw new Error(`seed ${seed}, after operation ${moment} of ${ops.length}: ${cause.message}`, { cause })
    })
  }
  return moments.length
}

describe.skipIf(why !== undefined)(`A5 after a power cut${why === undefined ? '' : `: skipped, ${why}`}`, () => {
  test('every answered batch is there, wholly, and none in part', { timeout: 3_600_000 }, async () => {
    const ops = traced()
    expect(ops.filter(({ kind }) => kind === 'sync').length).toBeGreaterThan(100)
    expect(await cutPowerOften(ops, states, Date.now())).toBe(states)
  })

  test('a disk whose syncs do nothing loses some: the check would show it', { timeout: 600_000 }, async () => {
    const ops = traced().filter(({ kind, ...op }) => kind !== 'sync' || !('path' in op) || !op.path.endsWith('-wal'))
    await expect(cutPowerOften(ops, states, 1)).rejects.toThrow(/seed 1, after operation/)
  })
})
