/**
 * Proves what `contracts/proofs` asserts, with the compiler's SMTChecker and Debian's z3.
 *
 *     node tools/contracts/prove.ts [--json]
 *
 * Each proof inherits the book-keeping that the deployed contracts inherit, and asserts what holds after any calls in any
 * order. An assertion counts only if the checker says that it is safe; silence, a time-out and a missing solver do not.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const root = join(import.meta.dirname, '../..')
/** Seconds for one question; the slowest takes about a second. */
const questionSeconds = 60

/** Info 9576 of solc: the assertion at this place can't fail. */
const safe = '9576'
/** What else the checker says of errors in `require`: it does not model their names, only that the call reverts. */
const unmodelled = '8364'

export const proofs = [{ file: 'contracts/proofs/ChannelProof.sol', contract: 'ChannelProof' }] as const

export interface ProofReport {
  /** The sentences behind the assertions that were proved. */
  readonly proved: readonly string[]
  /** Those behind the others, with what the checker said of them. */
  readonly unproved: readonly { readonly what: string; readonly said: string }[]
  readonly skipped: readonly { readonly test: string; readonly why: string }[]
  readonly seconds: number
}

interface Assertion {
  readonly what: string
  readonly from: number
}

interface Message {
  readonly errorCode: string
  readonly severity: string
  readonly formattedMessage: string
  readonly message: string
  readonly sourceLocation?: { readonly file: string; readonly start: number }
}

/** @param read gives a source by its path; a test plants a mistake here. */
export function proveContracts(read: (path: string) => string = readSource): ProofReport {
  const startedMs = performance.now()
  const seconds = () => Math.round(performance.now() - startedMs) / 1000
  if (spawnSync('z3', ['--version']).error !== undefined) {
    const why = 'z3 is not installed (apt-get install z3)'
    return { proved: [], unproved: [], skipped: proofs.map(({ contract }) => ({ test: contract, why })), seconds: 0 }
  }
  const proved: string[] = []
  const unproved: { what: string; said: string }[] = []
  for (const { file, contract } of proofs) {
    const messages = check(file, contract, read)
    const failed = messages.filter(({ severity }) => severity === 'error')
    if (failed.length > 0) throw new Error(failed.map(({ formattedMessage }) => formattedMessage).join('\n'))
    for (const { what, from } of assertionsOf(read(file))) {
      const said = messages.filter(({ sourceLocation: at }) => at?.file === file && at.start === from)
      const isSafe = said.length > 0 && said.every(({ errorCode }) => errorCode === safe)
      if (isSafe) proved.push(what)
      else unproved.push({ what, said: said.map(({ message }) => message).join(' ') || 'nothing' })
    }
    // Anything the checker does not understand makes the rest worth less.
    const strange = messages.filter(({ errorCode, severity }) => severity === 'warning' && errorCode !== unmodelled)
    for (const { sourceLocation: at, message } of strange) {
      if (at?.file !== file) unproved.push({ what: contract, said: message })
    }
  }
  return { proved, unproved, skipped: [], seconds: seconds() }
}

/** Every `assert(…);` with the sentence behind it. */
function assertionsOf(source: string): readonly Assertion[] {
  const all = [...source.matchAll(/\bassert\([^;]*\);(?: \/\/ (.+))?/g)]
  return all.map((match) => {
    const what = match[1]
    if (what === undefined) throw new Error(`no sentence behind ${match[0]}`)
    return { what, from: match.index }
  })
}

function check(file: string, contract: string, read: (path: string) => string): readonly Message[] {
  const solc = require('solc') as { compile(input: string, callbacks: { smtSolver: typeof solve }): string }
  const input = {
    language: 'Solidity',
    sources: sourcesOf(file, read),
    settings: {
      evmVersion: 'cancun',
      modelChecker: {
        engine: 'chc',
        solvers: ['smtlib2'],
        timeout: questionSeconds * 1000,
        targets: ['assert'],
        contracts: { [file]: [contract] },
        showUnproved: true,
        showProvedSafe: true,
        showUnsupported: true,
      },
      outputSelection: { '*': { '*': [] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { smtSolver: solve })) as { errors?: Message[] }
  return output.errors ?? []
}

const solve = (query: string) => ({
  contents: spawnSync('z3', ['-in', '-smt2', `-T:${questionSeconds}`], { input: query, encoding: 'utf8' }).stdout,
})

/** The file and all that it imports: proofs import nothing from outside `contracts/`. */
function sourcesOf(file: string, read: (path: string) => string): Record<string, { content: string }> {
  const sources: Record<string, { content: string }> = {}
  const add = (path: string): void => {
    if (sources[path] !== undefined) return
    const content = read(path)
    sources[path] = { content }
    for (const [, to] of content.matchAll(/from "(\.[^"]+)"/g)) add(join(dirname(path), to as string))
  }
  add(file)
  return sources
}

function readSource(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

if (import.meta.main) {
  const report = proveContracts()
  if (process.argv.includes('--json')) console.log(JSON.stringify(report))
  else {
    for (const what of report.proved) console.log(`proved    ${what}`)
    for (const { what, said } of report.unproved) console.log(`UNPROVED  ${what}: ${said}`)
    for (const { test, why } of report.skipped) console.log(`skipped   ${test}: ${why}`)
    console.log(`${report.proved.length} proved, ${report.unproved.length} not, ${report.seconds} s`)
  }
  process.exitCode = report.unproved.length === 0 ? 0 : 1
}
