/**
 * Every command that the README and the docs show is run: here, or in the test that is named beside it.
 */

import { execFile, spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })]
const shown = new Set(
  pages.flatMap((page) =>
    [...readFileSync(root + page, 'utf8').matchAll(/`(\.\/dev[^`\n]*)`/g)].map(([, command = '']) => command),
  ),
)

/** What shows that each works. */
const proof: Readonly<Record<string, 'run here' | string>> = {
  './dev up': 'run here',
  './dev up --loopback': 'run here, and by e2e/first-steps.test.ts',
  './dev up --once': 'e2e/story.test.ts, with --json',
  './dev up --once --json': 'e2e/story.test.ts',
  './dev test': 'is what runs this',
  './dev test <pattern>': 'is what runs this, with a pattern',
  './dev check': 'the first part of ./dev test',
  './dev contracts': 'the second part of ./dev test',
  './dev contracts --json': 'the second part of ./dev test, and its report',
  './dev contracts --long': 'tools/contracts/*.test.ts, with MYST_LONG=1',
  './dev sim': 'packages/testkit/src/sim/sim.test.ts',
  './dev sim --runs 100000 --json': 'run here, with fewer',
  './dev sim --replay 7': 'run here',
  './dev sim --replay 7 --shrink': 'packages/testkit/src/sim/shrink.test.ts',
  './dev sim --soak': 'packages/testkit/src/sim/sim.test.ts',
  './dev bench gas': 'bench/gas.test.ts',
  './dev bench exchange': 'bench/exchange.test.ts',
  './dev run anvil': 'run here',
  './dev myst --help': 'run here',
  './dev myst --data-dir <their folder> status': 'packages/cli/src/run-cli.test.ts',
}

test('every command shown in the documents is known to a test', () => {
  expect([...shown].filter((command) => proof[command] === undefined)).toEqual([])
  expect(shown.size).toBeGreaterThan(5)
})

const run = promisify(execFile)

test('./dev alone prints its commands, ./dev myst --help those of myst, and a wrong one exits with 2', async () => {
  expect((await run('./dev', [], { cwd: root })).stdout).toContain('./dev up')
  expect((await run('./dev', ['myst', '--help'], { cwd: root })).stdout).toContain('connect')
  const asked = { code: 2, stderr: expect.stringContaining('Did you mean ./dev up?') }
  await expect(run('./dev', ['upp'], { cwd: root })).rejects.toMatchObject(asked)
  await expect(run('./dev', ['fly'], { cwd: root })).rejects.toMatchObject({ code: 2, stdout: '' })
}, 60_000)

test.each(['test', 'check', 'fix', 'contracts', 'sim', 'bench', 'run'])(
  './dev %s --help says what it takes, and does nothing',
  async (command) => {
    const { stdout, stderr } = await run('./dev', [command, '--help'], { cwd: root })
    expect([stdout.startsWith(`./dev ${command} `), stdout.split('\n').length, stderr]).toEqual([true, 2, ''])
  },
)

test('./dev sim prints one object, and replays a run from its seed', async () => {
  const asked = ['sim', '--runs', '20', '--planted-runs', '0', '--json']
  const report = JSON.parse((await run('./dev', asked, { cwd: root })).stdout)
  expect(report).toMatchObject({ runs: 20, violations: 0, planted: 0 })
  const { stdout } = await run('./dev', ['sim', '--replay', '7', '--json'], { cwd: root, maxBuffer: 1 << 24 })
  expect(JSON.parse(stdout)).toMatchObject({ seed: 7, violations: [] })
  await expect(run('./dev', ['sim', '--runs', 'many'], { cwd: root })).rejects.toMatchObject({ code: 2 })
}, 60_000)

test('./dev run and ./dev myst work where they were called: files are named as seen from there', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'myst-readme-'))
  expect((await run(join(root, 'dev'), ['run', 'pwd'], { cwd })).stdout.trim()).toBe(cwd)
  expect((await run(join(root, 'dev'), ['run', 'anvil', '--version'], { cwd })).stdout).toContain('anvil')
  const gas = [
    'transactor',
    '--keystore',
    'k',
    '--passphrase-file',
    'p',
    '--myst-per-native',
    '1',
    '--network',
    'n.json',
  ]
  await run(join(root, 'dev'), ['myst', '--data-dir', 'data', ...gas], { cwd }).catch(() => {})
  expect(readFileSync(join(cwd, 'data/transactor.json'), 'utf8')).toContain(join(cwd, 'n.json'))
  await rm(cwd, { recursive: true })
})

test('./dev up runs until it is told to end, and then leaves nothing behind', async () => {
  const scratch = await mkdtemp(`${tmpdir()}/myst-readme-`)
  const env = { ...process.env, TMPDIR: scratch }
  const up = spawn('./dev', ['up', '--loopback'], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  up.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => up.once('exit', resolve))
  await expect.poll(() => said, { timeout: 80_000 }).toMatch(/Alice is connected/)
  up.kill('SIGINT')
  expect(await ended).toBe(0)
  expect((await readdir(scratch)).filter((name) => name.startsWith('myst-'))).toEqual([])
  await rm(scratch, { recursive: true, force: true })
}, 120_000)
