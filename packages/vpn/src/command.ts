/**
 * System commands for drivers: never blocking (a tunnel's pump may live in this process), and whole scripts at a time.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { Fault } from '@myst/protocol'

/** `ip`, `nft` and `conntrack` answer in milliseconds; one that hangs is an error, not a slow one. */
const commandTimeoutMs = 5_000
/** `nft -j list set` says about 100 bytes a session: enough for 100,000. */
const maxOutputBytes = 16 << 20

/** @throws Fault `command-failed`, with what the command said; `exitCode` is absent where it did not start or did not end. */
export function runCommand(command: string, args: readonly string[], stdin = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const bounds = { timeout: commandTimeoutMs, maxBuffer: maxOutputBytes }
  const child = execFile(command, args, bounds, (cause, stdout, stderr) => {
    if (cause === null) return resolve(stdout)
    const exitCode = typeof cause.code === 'number' ? cause.code : undefined
    const said = stderr.trim().slice(0, 600) || (exitCode === undefined ? cause.message : undefined)
    reject(new Fault('command-failed', { command: [command, ...args].join(' '), exitCode, said }, { cause }))
  })
  // A command that ends before it has read all of its input reports by its exit code, not by EPIPE here.
  child.stdin?.on('error', () => {})
  child.stdin?.end(stdin)
  return promise
}

/** Lines for one `ip` process, in order, up to the first that fails. */
export async function applyIp(lines: readonly string[], family: '-4' | '-6' = '-4'): Promise<void> {
  await runCommand('ip', [family, '-batch', '-'], `${lines.join('\n')}\n`)
}

/** The same for undoing: every line is tried, and what is gone already is as wanted. */
export async function undoIp(lines: readonly string[], family: '-4' | '-6' = '-4'): Promise<void> {
  await runCommand('ip', [family, '-force', '-batch', '-'], `${lines.join('\n')}\n`).catch(() => {})
}

/** One nftables transaction: all of it or nothing. */
export async function applyNft(script: string): Promise<void> {
  await runCommand('nft', ['-f', '-'], script)
}
