/** F1: the process is killed at any moment, under load, and starts again. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteLedgerStore } from '@myst/store'
import { expect, test } from 'vitest'
import { countAnswers, mustHold, randomOf } from './crash.fixture.ts'
import { providers } from './exchanging.fixture.ts'

const long = process.env.MYST_LONG === '1'
const kills = long ? 1000 : 100
const script = join(import.meta.dirname, 'exchanging.fixture.ts')

test(`A5: ${kills} times kill -9 lose no answered batch and apply none twice`, { timeout: 3_600_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'myst-kill-'))
  const path = join(dir, 'ledger.db')
  const seed = Date.now()
  const random = randomOf(seed)
  let answered = providers.map(() => 0n)
  let heard = 0
  /** In the middle of a checkpoint. */
  let midway = 0
  const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, 'cache') }
  try {
    // One that ends by itself leaves its compiled code to the others.
    expect(spawnSync(process.execPath, [script, join(dir, 'first.db'), '1'], { env }).status).toBe(0)
    for (let kill = 0; kill < kills; kill++) {
      const child = spawn(process.execPath, [script, path, '1000000'], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env,
      })
      let output = ''
      child.stdout.on('data', (chunk) => {
        output += chunk
      })
      // One in four dies while it starts; the others at work.
      if (kill % 4 > 0) await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, random() * (kill % 4 > 0 ? 30 : 250)))
      child.kill('SIGKILL')
      await once(child, 'close')
      countAnswers(answered, output)
      heard += output.match(/^\d+ \d+$/gm)?.length ?? 0
      if (output.match(/^saving$|^saved$/gm)?.at(-1) === 'saving') midway += 1
      answered = await mustHold(() => openSqliteLedgerStore(path), answered, { replay: kill % 20 === 19 }).catch(
        (cause) => {
          throw new Error(`seed ${seed}, kill ${kill}: ${cause.message}`, { cause })
        },
      )
      // What is replayed and read after each kill should stay short.
      if (kill % 20 === 19) {
        for (const suffix of ['', '-wal', '-newest', '-records', '-records-wal'])
          rmSync(`${path}${suffix}`, { force: true })
        answered = providers.map(() => 0n)
      }
    }
    expect(heard).toBeGreaterThan(kills)
    expect(midway).toBeGreaterThan(kills / 10)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
