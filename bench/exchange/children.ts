/**
 * The processes of this benchmark: generators and the accountant, each its own.
 *
 * @module
 */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { endProcess } from '@myst/devnet'
import type { Done, Task } from './generator.ts'

export interface Generator {
  ask<D extends Done>(task: Task): Promise<D>
  close(): Promise<void>
}

export function startGenerator(): Generator {
  const child = fork(fileURLToPath(new URL('generator.ts', import.meta.url)), [], { serialization: 'advanced' })
  return {
    async ask<D extends Done>(task: Task) {
      const ended = new AbortController()
      const exited = once(child, 'exit', ended).then(([code]) => {
        throw new Error(`a generator ended with ${code} at ${task.kind}`)
      })
      const done = once(child, 'message', ended).then(([message]) => message as D)
      try {
        child.send(task)
        return await Promise.race([done, exited])
      } finally {
        exited.catch(() => {})
        done.catch(() => {})
        ended.abort()
      }
    },
    async close() {
      child.removeAllListeners('message')
      await endProcess(child)
    },
  }
}

export interface AccountantProcess {
  /** Resident memory, MiB, where the system tells. */
  residentMib(): Promise<number>
  /** Processor time so far, of all its threads, and of the ledger's alone. */
  cpuSeconds(): Promise<{ readonly all: number; readonly ledger: number }>
  /** Written to files so far, where the system tells. */
  writtenBytes(): Promise<number>
  /** kill -9. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** @param nodeArgs for tests that plant a fault, and for profiles. */
export async function startAccountant(configFile: string, nodeArgs: readonly string[]): Promise<AccountantProcess> {
  const script = fileURLToPath(new URL('main.ts', import.meta.resolve('@myst/accountant')))
  const child: ChildProcess = spawn(process.execPath, [...nodeArgs, script, configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await Promise.race([
    once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the accountant ended with ${code}`)
    }),
  ])
  return {
    async residentMib() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    },
    async cpuSeconds() {
      const [all, ledger] = await Promise.all([`${child.pid}`, `${child.pid}/task/${child.pid}`].map(secondsOf))
      return { all: all ?? 0, ledger: ledger ?? 0 }
    },
    async writtenBytes() {
      const io = await readFile(`/proc/${child.pid}/io`, 'utf8').catch(() => '')
      return Number(/^write_bytes: (\d+)/m.exec(io)?.[1] ?? 0)
    },
    async kill() {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
    close: () => endProcess(child),
  }
}

/** Of a process or thread, where the system tells. */
async function secondsOf(task: string): Promise<number> {
  const stat = await readFile(`/proc/${task}/stat`, 'utf8').catch(() => '')
  // After the name, which may hold anything: fields 14 and 15, in ticks of 10 ms.
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (user + system) / 100
}
