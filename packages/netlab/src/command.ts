/**
 * Runs system commands without blocking the event loop: a tunnel's pump may live in the same process.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { Fault } from '@myst/protocol'

export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly stdin?: string
  readonly env?: NodeJS.ProcessEnv
  /** Default 10 s: set-up commands take milliseconds, so that a hanging one is an error and not a slow one. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Set-up commands take milliseconds: one that takes so long hangs, and is killed. */
const commandTimeoutMs = 10_000
/** Enough for `nft -j list ruleset` of a lab, and a bound for a command that runs wild. */
const maxOutputBytes = 16 << 20

/** @throws Fault `command-failed`, with what the command said. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
  const settings = {
    timeout: options.timeoutMs ?? commandTimeoutMs,
    maxBuffer: maxOutputBytes,
    ...(options.env && { env: options.env }),
    ...(options.signal && { signal: options.signal }),
  }
  const child = execFile(command, args, settings, (cause, stdout, stderr) => {
    if (cause === null) return resolve({ stdout, stderr })
    const exitCode = typeof cause.code === 'number' ? cause.code : undefined
    const said = stderr.trim().slice(0, 600) || (exitCode === undefined ? cause.message : undefined)
    reject(new Fault('command-failed', { command: [command, ...args].join(' '), exitCode, said }, { cause }))
  })
  // A command that ends before it has read all of its input reports by its exit code, not by EPIPE here.
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.stdin ?? '')
  return promise
}

/** Runs the lines in one `ip` process, inside namespace `netns` where one is given; it stops at the first line that fails. */
export function ipBatch(lines: readonly string[], netns?: string): Promise<CommandResult> {
  const inside = netns === undefined ? [] : ['-n', netns]
  return run('ip', [...inside, '-batch', '-'], { stdin: `${lines.join('\n')}\n` })
}
