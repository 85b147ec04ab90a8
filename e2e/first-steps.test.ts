/**
 * The commands of docs/operating/first-steps.md, in their order: a newcomer joins the devnet, buys, sells and settles.
 */

import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { createPrograms } from './program.fixture.ts'

const page = readFileSync(new URL('../docs/operating/first-steps.md', import.meta.url), 'utf8')
const root = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)
const dir = await mkdtemp(join(tmpdir(), 'myst-first-'))
const programs = createPrograms(() => dir)
let devnet: ReturnType<typeof spawn> | undefined
let said = ''

async function startDevnet(): Promise<void> {
  const [command = '', ...args] = (/`(\.\/dev up [^`]*)`/.exec(page)?.[1] ?? '').split(' ')
  devnet = spawn(command, args, {
    cwd: root,
    env: { ...process.env, TMPDIR: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [devnet.stdout, devnet.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  }
  devnet.once('exit', (code) => {
    said += `It ended with ${code}.`
  })
  await expect.poll(() => said, { timeout: 150_000 }).toMatch(/Alice is connected|It ended/)
  expect(said).toMatch(/Alice is connected/)
}

afterAll(async () => {
  programs.killAll()
  const ended = new Promise((resolve) => devnet?.once('exit', resolve))
  if (devnet?.kill('SIGINT')) await ended
  await rm(dir, { recursive: true, force: true })
}, 30_000)

/** Those of the page, with what this devnet says in the place of what the page's said. */
function shown(): readonly string[] {
  const folder = /Data and logs are in (\S+)\. /.exec(said)?.[1] ?? ''
  const site = /The website is (\S+)\.\n/.exec(said)?.[1] ?? ''
  return [...page.matchAll(/```(?:sh)?\n([^`]*)```/g)]
    .flatMap(([, lines = '']) => lines.trim().split('\n'))
    .map((line) => line.replace('/tmp/myst-devnet-AbC123', folder).replace('http://127.31.9.1:8080', site))
}

test('a newcomer starts a node, tops up, connects, serves, earns and settles', async () => {
  await startDevnet()
  const outputs = new Map<string, string>()
  for (const line of shown()) {
    const [command = '', ...args] = line.split(' ')
    if (command === 'ln') await symlink(args[1] ?? '', join(dir, args[2] ?? ''))
    else if (line.startsWith('myst node ')) {
      const node = programs.startMyst(args)
      await expect.poll(node.said, { timeout: 60_000 }).toContain('The node runs')
    } else if (command === 'curl') {
      const { stdout } = await run('curl', ['--silent', '--fail', ...args], { cwd: dir })
      outputs.set(line.replace(/http\S+:8080/, 'site'), stdout)
    } else {
      expect(command).toBe('myst')
      const { exitCode, stdout, stderr } = await programs.runMyst(...args)
      expect([line, exitCode, stderr]).toEqual([line, 0, expect.any(String)])
      outputs.set(line, stdout)
    }
  }
  const said = (line: string) => outputs.get(line)
  expect(said('myst topup --no-qr')).toMatch(/there is +0 MYST/)
  expect(said('myst faucet')).toContain('Given 20 MYST')
  expect(said('myst connect NL --listen 127.0.0.1:1080 --budget 1')).toContain('socks5://127.0.0.1:1080')
  // Bob's address, and not that of this machine's other programs.
  expect(said('curl --proxy socks5h://127.0.0.1:1080 site/')).toMatch(/"127\.\d+\.10\.1"/)
  expect(said('myst disconnect')).toMatch(/19\.1 MiB received, 0\.037\d+ MYST spent/)
  expect(said('myst status')).toMatch(/earned +0\.\d+ MYST/)
  expect(said('myst settle --yes')).toMatch(/Settled 0\.10\d+ MYST/)
  expect(said('myst settlements')).toContain('settlement')
}, 400_000)
