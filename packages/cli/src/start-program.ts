/**
 * Starts a program of this repository in the foreground: its signals and its exit code are ours.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

export type ProgramName =
  | 'devnet'
  | 'node'
  | 'identity'
  | 'contracts'
  | 'transactor'
  | 'accountant'
  | 'accountant-ledger'
  | 'accountant-bounty'
  | 'accountant-signer'

const programs = {
  devnet: '../../devnet/src/main.ts',
  node: '../../node/src/main.ts',
  identity: '../../node/src/identity-main.ts',
  contracts: '../../node/src/contracts-main.ts',
  transactor: '../../transactor/src/main.ts',
  accountant: '../../accountant/src/main.ts',
  'accountant-ledger': '../../accountant/src/ledger-main.ts',
  'accountant-bounty': '../../accountant/src/bounty-main.ts',
  'accountant-signer': '../../accountant/src/signer/signer-main.ts',
} as const satisfies Record<ProgramName, string>

export const programPath = (name: ProgramName): string => fileURLToPath(new URL(programs[name], import.meta.url))

export interface ProgramOptions {
  /** Gets the program's first line on stdout; without it, stdout is ours. */
  readonly onReady?: (line: string) => void
}

/** Resolves with the exit code: the program's own, or 128 and the signal's number. */
export function runProgram(name: ProgramName, args: readonly string[], options: ProgramOptions = {}): Promise<number> {
  const stdout = options.onReady === undefined ? 'inherit' : 'pipe'
  // The IPC channel tells the program that we are gone, however that ended: it then pays its sessions and goes too.
  const child = spawn(process.execPath, [programPath(name), ...args], { stdio: ['inherit', stdout, 'inherit', 'ipc'] })
  if (options.onReady !== undefined) void firstLine(child).then(options.onReady)
  const forget = passSignals(child)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      forget()
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

/** A terminal sends Ctrl-C to both of us; passed on, the program would take it for the second, impatient one. */
function passSignals(child: ChildProcess): () => void {
  const onTerminal = process.stdin.isTTY === true
  const listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const listener = (): void => {
      if (signal !== 'SIGINT' || !onTerminal) child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
    }
    process.on(signal, listener)
    return () => process.off(signal, listener)
  })
  return () => {
    for (const forget of listeners) forget()
  }
}

/** The rest is read and dropped, so that the program never waits for us. */
function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    let found = false
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      if (found) return
      text += chunk
      const end = text.indexOf('\n')
      found = end >= 0
      if (found) resolve(text.slice(0, end))
    })
  })
}
