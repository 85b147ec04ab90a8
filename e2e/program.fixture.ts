/**
 * Commands and programs as an operator runs them: each a process, in the folder of a test chain.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const mystPath = fileURLToPath(new URL('../packages/cli/src/main.ts', import.meta.url))

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** On stdout so far. */
  said(): string
}

export interface Programs {
  start(path: string, args: readonly string[]): Started
  /** `myst`, with its data in `data`. */
  startMyst(args: readonly string[]): Started
  runMyst(...args: string[]): Promise<Ended>
  /** Kills what still runs. */
  killAll(): void
}

/** @param cwd is known once its chain runs. */
export function createPrograms(cwd: () => string): Programs {
  const running = new Set<ChildProcess>()

  function start(path: string, args: readonly string[]): Started {
    const child = spawn(process.execPath, [path, ...args], {
      cwd: cwd(),
      env: { ...process.env, MYST_DATA_DIR: join(cwd(), 'data') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (exitCode) => {
        running.delete(child)
        resolve({ exitCode, stdout, stderr })
      })
    })
    return { child, ended, said: () => stdout }
  }

  const startMyst = (args: readonly string[]) => start(mystPath, args)
  return {
    start,
    startMyst,
    runMyst: (...args) => startMyst(args).ended,
    killAll() {
      for (const child of running) child.kill('SIGKILL')
    },
  }
}

/** The commands of a page, without the name of the program; the first ones are run here, and must succeed. */
export async function runShown(page: string, { runMyst }: Programs, count: number): Promise<readonly string[][]> {
  const commands = [...page.matchAll(/```sh\n([^`]*)```/g)].flatMap(([, lines = '']) => lines.trim().split('\n'))
  for (const command of commands.slice(0, count)) {
    const { exitCode, stderr } = await runMyst(...argsOf(command))
    expect([command, exitCode, stderr]).toEqual([command, 0, expect.any(String)])
  }
  return commands.map(argsOf)
}

const argsOf = (command: string): string[] => command.split(' ').slice(1)
