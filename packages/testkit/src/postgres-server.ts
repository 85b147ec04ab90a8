/**
 * A PostgreSQL server of a test's own: in a temporary folder, on a port of 127.0.0.1, as an unprivileged user, its fsync on.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where Debian 12 puts it; the programs are in nobody's PATH. */
const bin = '/usr/lib/postgresql/15/bin'
/** What is written behind a commit's back stays unwritten, and a kill loses it. */
const settings = ['-c', 'wal_writer_delay=10s', '-c', 'fsync=on']
/** After a kill the old server's processes leave first; a start replays what was written. */
const startTimeoutMs = 30_000

/** @returns why there can be no server here, or undefined. */
export function whyNoPostgres(): string | undefined {
  if (!existsSync(`${bin}/postgres`)) return 'PostgreSQL 15 is not installed (Debian: apt-get install postgresql)'
  if (process.getuid?.() === 0 && unprivileged() === undefined) return 'there is no user postgres to run it as'
  return undefined
}

export interface PostgresServer {
  /** Of a database that is there; everybody from 127.0.0.1 may do everything. */
  readonly url: string
  /** SIGKILL to the server, as a crash or the kernel out of memory would; then `start` again. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends it and removes all it wrote. */
  close(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  const dir = mkdtempSync(join(tmpdir(), 'myst-postgres-'))
  const user = process.getuid?.() === 0 ? unprivileged() : undefined
  if (user !== undefined) chownSync(dir, user.uid, user.gid)
  const as = { cwd: dir, env: { LC_ALL: 'C' }, ...user }
  const data = join(dir, 'data')
  const port = await freePort()
  let server: ChildProcess | undefined
  let said = ''

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exiting = once(server, 'exit')
    server.kill(signal)
    await exiting
  }

  async function start(): Promise<void> {
    const atMs = Date.now()
    while (Date.now() - atMs < startTimeoutMs) {
      const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', ...settings]
      const started = spawn(`${bin}/postgres`, args, { ...as, stdio: ['ignore', 'ignore', 'pipe'] })
      server = started
      started.stderr.on('data', (text) => {
        said = `${said}${text}`.slice(-4000)
      })
      while (started.exitCode === null && started.signalCode === null && Date.now() - atMs < startTimeoutMs) {
        const { status } = spawnSync(`${bin}/pg_isready`, ['-h', '127.0.0.1', '-p', String(port)], as)
        if (status === 0) return
        await sleep(50)
      }
      await sleep(100)
    }
    throw new Error(`PostgreSQL does not start: ${said}`)
  }

  async function close(): Promise<void> {
    await end('SIGINT')
    rmSync(dir, { recursive: true, force: true })
  }

  const { status, stderr } = spawnSync(
    `${bin}/initdb`,
    ['-D', data, '-U', 'carol', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...as, encoding: 'utf8' },
  )
  if (status !== 0) {
    rmSync(dir, { recursive: true, force: true })
    throw new Error(`initdb failed: ${stderr}`)
  }
  try {
    await start()
  } catch (cause) {
    await close()
    throw cause
  }
  return { url: `postgres://carol@127.0.0.1:${port}/postgres`, kill: () => end('SIGKILL'), start, close }
}

/** PostgreSQL does not run as root; Debian's package brings its own user. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((of) => of.startsWith('postgres:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
