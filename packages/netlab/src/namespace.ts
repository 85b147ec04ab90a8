/**
 * A network namespace of a lab: made, entered by processes, and removed with all that runs in it.
 *
 * Names are `myst-<owner>-<lab>-<host>`; `owner` is the process id and start time of who made it, so that the
 * namespaces of a killed lab can be told from those of a living one.
 *
 * @module
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { type CommandOptions, type CommandResult, run } from './command.ts'

export const namespacePrefix = 'myst'
const namePattern = new RegExp(`^${namespacePrefix}-(\\d+)x(\\d+)-`)

/** `<pid>x<start time in clock ticks since boot>`: unique on this machine even where process ids wrap. */
export async function ownerTag(pid = process.pid): Promise<string> {
  return `${pid}x${await startTicks(pid)}`
}

async function startTicks(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // proc(5): the 2nd field is the name in brackets and may hold blanks; starttime is the 22nd, so the 20th after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

export interface Namespace {
  readonly netns: string
  /** Runs a command to its end. @throws Fault `command-failed`. */
  exec(command: string, args?: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** Starts a process, which is killed with the lab, and with its owner should that die without closing the lab. */
  spawn(command: string, args?: readonly string[], options?: SpawnOptions): ChildProcess
  /** Starts a Node program with an IPC channel: `child.send(…)` and `child.on('message', …)`. */
  node(script: string, args?: readonly string[], options?: SpawnOptions): ChildProcess
}

export function enterNamespace(netns: string): Namespace {
  const inside = ['netns', 'exec', netns]
  const space: Namespace = {
    netns,
    exec: (command, args = [], options = {}) => run('ip', [...inside, command, ...args], options),
    spawn(command, args = [], options = {}) {
      // `ip` and `setpriv` replace themselves by the command, so `child.pid` is the command's own.
      const child = spawn('ip', [...inside, 'setpriv', '--pdeathsig', 'KILL', command, ...args], options)
      child.on('error', () => {}) // reported by 'exit' or 'spawn' never coming; unhandled it would end the test run
      return child
    },
    node: (script, args = [], options = {}) =>
      space.spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], ...options }),
  }
  return space
}

/** Kills what runs in the namespaces, then removes them; a namespace with a process in it would live on unnamed. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  await Promise.all(names.map(killInside))
  await run('ip', ['-force', '-batch', '-'], { stdin: names.map((name) => `netns del ${name}\n`).join('') }).catch(
    async (cause) => {
      // One that is gone already is as wanted; one that stays is not.
      const left = await listNamespaces()
      if (names.some((name) => left.includes(name))) throw cause
    },
  )
  await Promise.all(names.map((name) => rm(`/etc/netns/${name}`, { recursive: true, force: true })))
}

async function killInside(netns: string): Promise<void> {
  // Twice, for what was forked while the first list was read.
  for (let round = 0; round < 2; round++) {
    const { stdout } = await run('ip', ['netns', 'pids', netns]).catch(() => ({ stdout: '' }))
    for (const pid of stdout.split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {} // it ended by itself
    }
    if (stdout.trim() === '') return
  }
}

export async function listNamespaces(): Promise<string[]> {
  const { stdout } = await run('ip', ['netns', 'list'])
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || [])
}

/** Removes the namespaces of labs whose process is gone. Returns their names. */
export async function cleanupStale(): Promise<string[]> {
  const stale: string[] = []
  for (const name of await listNamespaces()) {
    const [, pid, ticks] = namePattern.exec(name) ?? []
    if (pid !== undefined && (await startTicks(Number(pid))) !== ticks) stale.push(name)
  }
  await removeNamespaces(stale)
  return stale
}
