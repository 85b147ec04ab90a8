/**
 * The README's first command, as a newcomer types it: the whole network, the whole story, to the wei.
 */

import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canMakeNamespaces } from '@myst/netlab'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const possible = await canMakeNamespaces()

interface Outcome {
  readonly bytes: number
  readonly promises: number
  readonly drivers: readonly string[]
  readonly skipped: readonly { readonly part: string; readonly why: string }[]
  readonly alice: { readonly toppedUp: string; readonly spent: string; readonly left: string }
  readonly bob: { readonly credited: string; readonly settled: string }
  readonly inFlight: string
  readonly balanced: boolean
  readonly seconds: number
  readonly peakMiB: number
  readonly failures?: readonly string[]
}

/** The devnet's temporary folders are made here, so that those of other tests don't count. */
const scratch = await mkdtemp(join(tmpdir(), 'myst-story-'))
afterAll(() => rm(scratch, { recursive: true, force: true }))
const leftBehind = async () => (await readdir(scratch)).filter((name) => name.startsWith('myst-'))

function up(...flags: string[]): Promise<{ code: number; outcome: Outcome; said: string }> {
  return new Promise((resolve, reject) => {
    execFile(
      './dev',
      ['up', '--once', '--json', ...flags],
      { cwd: root, timeout: 150_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code)
        try {
          resolve({ code, outcome: JSON.parse(stdout) as Outcome, said: stderr })
        } catch {
          reject(new Error(`no JSON on stdout, exit ${code}:\n${stderr}`))
        }
      },
    )
  })
}

function expectTold({ code, outcome }: Awaited<ReturnType<typeof up>>): void {
  expect(outcome.failures ?? []).toEqual([])
  expect(code).toBe(0)
  expect(outcome).toMatchObject({ balanced: true, inFlight: '0' })
  expect(outcome.bytes).toBeGreaterThanOrEqual(60_000_000)
  expect(outcome.promises).toBeGreaterThanOrEqual(20)
  expect(outcome.bob.settled).toBe(outcome.bob.credited)
  // Some 1,500: thirteen programs, each with a Node of its own. Much more would be a leak.
  expect(outcome.peakMiB).toBeLessThan(1792)
}

test('./dev up --once --json tells the whole story through NATs and WireGuard', async (context) => {
  if (!possible.ok) return context.skip(possible.why)
  const told = await up()
  expectTold(told)
  expect(told.outcome.drivers).toEqual(['wireguard', 'proxy'])
  expect(told.outcome.skipped).toEqual([])
  expect(await leftBehind()).toEqual([])
}, 180_000)

test('./dev up --once --json --loopback tells it without root, and says what it skips', async () => {
  const told = await up('--loopback')
  expectTold(told)
  expect(told.outcome.drivers).toEqual(['proxy'])
  expect(told.outcome.skipped).toHaveLength(1)
  expect(await leftBehind()).toEqual([])
}, 180_000)
