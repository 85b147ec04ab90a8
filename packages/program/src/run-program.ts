/**
 * The frame of every long-running program: reads its configuration, says when it is ready, ends in order.
 *
 * `node main.ts <config.json>`; one JSON line on stdout when ready, log lines on stderr. SIGTERM, SIGINT, or the end of a
 * parent that holds an IPC channel close it; a second signal ends it at once. A fault ends it with exit code 1 and one line.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { Fault } from '@myst/protocol'

export interface Program {
  /** What a starter needs to know: addresses, ports, identity. Printed as JSON. */
  readonly ready: Readonly<Record<string, unknown>>
  /** What its starter may ask over the IPC channel; it gets `{report}`, or `{error}` where this throws. */
  report?(): unknown
  close(): Promise<void>
}

export type Log = (line: string) => void

/** Longer than any graceful end takes; a program that hangs is better gone. */
const closeTimeoutMs = 10_000

/** Resolves when the program runs; the process then lives until it is told to end. */
export async function runProgram(start: (config: Config, log: Log) => Promise<Program>): Promise<void> {
  const log: Log = (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`)
  const fail = (cause: unknown): never => {
    log(cause instanceof Fault ? cause.message : `bug: ${(cause as Error)?.stack ?? cause}`)
    process.exit(1)
  }
  process.once('uncaughtException', fail)
  process.once('unhandledRejection', fail)
  try {
    const program = await start(await readConfig(process.argv[2]), log)
    endWith(program, log)
    if (program.report !== undefined) process.on('message', () => void answer(program, log))
    process.stdout.write(`${JSON.stringify({ ready: true, ...program.ready })}\n`)
  } catch (cause) {
    fail(cause)
  }
}

/** `{report}`, or `{error}` where there is none now: asking must not end a program. */
async function answer(program: Program, log: Log): Promise<void> {
  let told: object
  try {
    told = { report: await program.report?.() }
  } catch (cause) {
    const error = cause instanceof Error ? cause.message : String(cause)
    log(`report failed: ${error}`)
    told = { error }
  }
  // Whoever asked may be gone by now.
  if (process.connected) process.send?.(told, undefined, undefined, () => {})
}

/** The same signal again ends it at once; another one does not: Ctrl-C comes from the terminal, then as SIGTERM from a parent. */
function endWith(program: Program, log: Log): void {
  const seen = new Set<string>()
  const end = (event: string) => {
    if (seen.has(event)) process.exit(1)
    seen.add(event)
    if (seen.size > 1) return
    setTimeout(() => {
      log('closing took too long')
      process.exit(1)
    }, closeTimeoutMs).unref()
    program.close().then(
      () => process.exit(0),
      (cause: unknown) => {
        log(`closing failed: ${cause instanceof Error ? cause.message : cause}`)
        process.exit(1)
      },
    )
  }
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(event, () => end(event))
}

/** A configuration file, read by the words of who needs it; every reader throws Fault `config-invalid` with where. */
export interface Config {
  text(name: string): string
  optionalText(name: string): string | undefined
  number(name: string): number
  optionalNumber(name: string): number | undefined
  /** A decimal string of base units. */
  amount(name: string): bigint
  value(name: string): unknown
}

/** A configuration is some lines; anything larger is not one. */
const maxConfigBytes = 256 * 1024

/** @throws Fault `config-missing`, `config-unreadable`, `config-invalid`. */
export async function readConfig(path: string | undefined): Promise<Config> {
  if (path === undefined) throw new Fault('config-missing', { usage: 'node main.ts <config.json>' })
  let json: unknown
  try {
    const text = await readFile(path, 'utf8')
    if (text.length > maxConfigBytes) throw new RangeError('too large')
    json = JSON.parse(text)
  } catch (cause) {
    throw new Fault('config-unreadable', { path, why: (cause as Error).message }, { cause })
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Fault('config-invalid', { path })
  return configOf(json as Record<string, unknown>)
}

export function configOf(json: Readonly<Record<string, unknown>>): Config {
  const wrong = (name: string, wanted: string): never => {
    throw new Fault('config-invalid', { name, wanted })
  }
  const optional = <T>(name: string, is: (value: unknown) => value is T, wanted: string): T | undefined => {
    const value = json[name]
    return value === undefined || is(value) ? value : wrong(name, wanted)
  }
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  const optionalText = (name: string) => optional(name, isText, 'text')
  const optionalNumber = (name: string) => optional(name, isCount, 'a whole number')
  return {
    optionalText,
    optionalNumber,
    text: (name) => optionalText(name) ?? wrong(name, 'text'),
    number: (name) => optionalNumber(name) ?? wrong(name, 'a whole number'),
    amount: (name) => {
      const value = optionalText(name) ?? wrong(name, 'an amount in base units')
      return /^\d{1,78}$/.test(value) ? BigInt(value) : wrong(name, 'an amount in base units')
    },
    value: (name) => json[name],
  }
}
