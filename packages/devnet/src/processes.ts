/**
 * The devnet's processes: started in their places, waited for, logged to files, ended in order.
 *
 * @module
 */

import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Fault } from '@myst/protocol'
import type { Place } from './place.ts'

export interface Running {
  readonly name: string
  readonly child: ChildProcess
  /** What it said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
}

export interface Processes {
  /** Starts a program of ours with its configuration file. @throws Fault `program-failed` with its last words. */
  start(name: string, place: Place, script: string, args: readonly string[], stage: Stage): Promise<Running>
  /** Anything else that must end with the devnet. */
  add(child: ChildProcess, stage: Stage): void
  /** Of all that run. */
  readonly pids: readonly number[]
  /** Stage by stage, gracefully. */
  close(): Promise<void>
}

/** Who ends together: those who pay, then those who are paid, then what both need. */
const stages = ['browser', 'consumer', 'provider', 'service', 'network'] as const
export type Stage = (typeof stages)[number]

/** scrypt, WebAssembly and a DHT on two busy cores. */
const startTimeoutMs = 30_000
/** Two seconds less than a program gives itself; who still pays or closes then is killed: nothing may be left behind. */
const endTimeoutMs = 8_000

export function createProcesses(logDir: string): Processes {
  let running: { stage: Stage; child: ChildProcess }[] = []

  function keep(child: ChildProcess, stage: Stage): void {
    const entry = { stage, child }
    running.push(entry)
    const ended = () => {
      running = running.filter((other) => other !== entry)
    }
    child.once('exit', ended)
    child.once('error', ended)
  }

  return {
    async start(name, place, script, args, stage) {
      const logFile = `${logDir}/${name}.log`
      const log = openSync(logFile, 'a', 0o600)
      // The IPC channel tells a program that its starter is gone, however that ended.
      const child = place.spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', log, 'ipc'] })
      closeSync(log)
      keep(child, stage)
      const ready = await firstLine(child)
      if (ready !== undefined) return { name, child, ready }
      const ended = child.signalCode ?? child.exitCode ?? 'still running'
      throw new Fault('program-failed', { name, ended, last: lastLine(logFile), log: logFile })
    },
    add: keep,
    get pids() {
      return running.flatMap(({ child }) => (child.exitCode === null && child.pid !== undefined ? [child.pid] : []))
    },
    async close() {
      const ending = running
      running = []
      for (const stage of stages) {
        await Promise.all(ending.filter((entry) => entry.stage === stage).map(({ child }) => endProcess(child)))
      }
    },
  }
}

/** Gracefully, then not: nothing is left behind. */
export async function endProcess(child: ChildProcess): Promise<void> {
  const neverStarted = child.pid === undefined
  if (neverStarted || child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const impatient = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs)
  await exited
  clearTimeout(impatient)
}

function firstLine(child: ChildProcess): Promise<Record<string, unknown> | undefined> {
  return new Promise((resolve) => {
    if (child.stdout === null) return resolve(undefined)
    const lines = createInterface({ input: child.stdout })
    const timer = setTimeout(() => resolve(undefined), startTimeoutMs)
    const done = (ready: Record<string, unknown> | undefined) => {
      clearTimeout(timer)
      resolve(ready)
    }
    lines.once('line', (line) => done(JSON.parse(line)))
    child.once('exit', () => done(undefined))
    child.once('error', () => done(undefined))
  })
}

const lastLine = (file: string): string => readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? ''
