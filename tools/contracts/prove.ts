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

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { keepStep, stepsOf } from './proof-step.ts'

const root = join(import.meta.dirname, '../..')
/** Each takes half a gigabyte. */
const maxProcesses = 4
/** KiB: the longest questions nest deeper than Node's default allows, and a main thread has 8 MiB. */
const stackSize = 7000

/**
 * `chc` finds by itself what all calls keep. `bmc` is asked about one step at a time, from any state that the step
 * assumes: there the induction is in the proof's text.
 */
export const proofs = [
  { file: 'contracts/proofs/ChannelProof.sol', contract: 'ChannelProof', engine: 'chc' },
  { file: 'contracts/proofs/AccountantProof.sol', contract: 'AccountantProof', engine: 'bmc' },
] as const
type Proof = (typeof proofs)[number]

/** Infos of solc: the assertion at this place can't fail. */
const safe = { chc: '9576', bmc: '2961' } as const
/** Warning of solc: `bmc` has found values with which it fails. */
const fails = '4661'
const unremarkable = new Set([
  // The checker does not model the names of errors in `require`, only that the call reverts.
  '8364',
  // The compiler's authors mean to drop `bmc` one day.
  '3993',
])

export interface ProofReport {
  /** The sentences behind the assertions that were proved. */
  readonly proved: readonly string[]
  /** Those behind the others, with what the checker said of them. */
  readonly unproved: readonly Unproved[]
  readonly skipped: readonly { readonly test: string; readonly why: string }[]
  readonly seconds: number
}

interface Unproved {
  readonly what: string
  readonly said: string
}

export interface ProofOptions {
  /** Only these contracts, or steps of them. */
  readonly only?: readonly string[]
  readonly onProgress?: (line: string) => void
}

/** What one run of the checker is about. */
interface Question {
  readonly proof: Proof
  /** Empty for all of the proof at once. */
  readonly step: string
  readonly sources: Readonly<Record<string, string>>
}

interface Assertion {
  /** What it says, in one sentence or more. */
  readonly says: readonly string[]
  readonly from: number
  /** It is there to fail: if it could not, nothing would reach this place, and all behind it would be proved in vain. */
  readonly mustFail: boolean
}

interface Message {
  readonly errorCode: string
  readonly severity: string
  readonly formattedMessage: string
  readonly message: string
  readonly sourceLocation?: { readonly file: string; readonly start: number }
}

/** @param read gives a source by its path; a test plants a mistake here. */
export async function proveContracts(
  read: (path: string) => string = readSource,
  { only, onProgress = () => {} }: ProofOptions = {},
): Promise<ProofReport> {
  const startedMs = performance.now()
  if (spawnSync('z3', ['--version']).error !== undefined) {
    const why = 'z3 is not installed (apt-get install z3)'
    return { proved: [], unproved: [], skipped: proofs.map(({ contract }) => ({ test: contract, why })), seconds: 0 }
  }
  const waiting = proofs
    .flatMap((proof) => questionsOf(proof, read))
    .filter(({ proof, step }) => only === undefined || only.includes(step) || only.includes(proof.contract))
    // The longest first, so that nobody waits for it in the end.
    .sort((a, b) => lengthOf(b) - lengthOf(a))
  const proved: string[] = []
  const unproved: Unproved[] = []
  const askAll = async (): Promise<void> => {
    for (let question = waiting.shift(); question !== undefined; question = waiting.shift()) {
      const askedMs = performance.now()
      const answer = await ask(question)
      proved.push(...answer.proved)
      unproved.push(...answer.unproved)
      onProgress(`${nameOf(question)}: ${answer.proved.length} proved in ${secondsSince(askedMs)} s`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), maxProcesses) }, askAll))
  // What is said of every step is proved if it is of each.
  const doubtful = new Set(unproved.map(({ what }) => what))
  const sentences = [...new Set(proved)].filter((what) => !doubtful.has(what)).sort()
  return { proved: sentences, unproved, skipped: [], seconds: secondsSince(startedMs) }
}

function questionsOf(proof: Proof, read: (path: string) => string): readonly Question[] {
  const { file, engine } = proof
  if (engine === 'chc') return [{ proof, step: '', sources: sourcesOf(file, read) }]
  return stepsOf(read(file)).map((step) => ({ proof, step, sources: keepStep(file, step, read) }))
}

async function ask(question: Question): Promise<Pick<ProofReport, 'proved' | 'unproved'>> {
  const { file, engine } = question.proof
  const messages = await check(question)
  const failed = messages.filter(({ severity }) => severity === 'error')
  if (failed.length > 0) throw new Error(failed.map(({ formattedMessage }) => formattedMessage).join('\n'))
  const proved: string[] = []
  const unproved: Unproved[] = []
  const assertions = assertionsOf(question.sources[file] ?? '')
  for (const { says, from, mustFail } of assertions) {
    const said = messages.filter(({ sourceLocation: at }) => at?.file === file && at.start === from)
    const isAsWanted = said.length > 0 && said.every(({ errorCode }) => errorCode === (mustFail ? fails : safe[engine]))
    const words = said.map(({ message }) => message).join(' ') || 'nothing'
    if (!isAsWanted) unproved.push(...says.map((what) => ({ what, said: `${nameOf(question)}: ${words}` })))
    else if (!mustFail) proved.push(...says)
  }
  // Anything the checker does not understand makes the rest worth less.
  const places = new Set(assertions.map(({ from }) => from))
  for (const { errorCode, severity, sourceLocation: at, message } of messages) {
    const isVerdict = at?.file === file && places.has(at.start)
    if (severity === 'warning' && !isVerdict && !unremarkable.has(errorCode)) {
      unproved.push({ what: nameOf(question), said: message })
    }
  }
  return { proved, unproved }
}

/** Every `assert(…);` with the sentences behind it; semicolons part them. */
function assertionsOf(source: string): readonly Assertion[] {
  const all = [...source.matchAll(/\bassert\([^;]*\);(?: \/\/ (must fail: )?(.+))?/g)]
  return all.map((match) => {
    const [whole, mustFail, what] = match
    if (what === undefined) throw new Error(`no sentence behind ${whole}`)
    return { says: what.split('; '), from: match.index, mustFail: mustFail !== undefined }
  })
}

async function check({ proof: { file, contract, engine }, sources }: Question): Promise<readonly Message[]> {
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(sources).map(([path, content]) => [path, { content }])),
    settings: {
      evmVersion: 'cancun',
      modelChecker: {
        engine,
        solvers: ['smtlib2'],
        targets: ['assert'],
        contracts: { [file]: [contract] },
        showUnproved: true,
        showProvedSafe: true,
        showUnsupported: true,
      },
      outputSelection: { '*': { '*': [] } },
    },
  }
  const compiler = join(import.meta.dirname, 'solver-compiler.ts')
  const child = spawn(process.execPath, [`--stack-size=${stackSize}`, compiler], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(input))
  const answer = await text(child.stdout)
  if (answer === '') throw new Error(`the compiler broke off at ${file}`)
  return (JSON.parse(answer) as { errors?: Message[] }).errors ?? []
}

/** The file and all that it imports: proofs import nothing from outside `contracts/`. */
function sourcesOf(file: string, read: (path: string) => string): Record<string, string> {
  const sources: Record<string, string> = {}
  const add = (path: string): void => {
    if (sources[path] !== undefined) return
    const content = read(path)
    sources[path] = content
    for (const [, to] of content.matchAll(/from "(\.[^"]+)"/g)) add(join(dirname(path), to as string))
  }
  add(file)
  return sources
}

const nameOf = ({ proof, step }: Question) => (step === '' ? proof.contract : `${proof.contract}.${step}`)
const lengthOf = ({ sources }: Question) => Object.values(sources).join('').length
const secondsSince = (startedMs: number) => Math.round(performance.now() - startedMs) / 1000

function readSource(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

if (import.meta.main) {
  const report = await proveContracts(readSource, { onProgress: console.error })
  if (process.argv.includes('--json')) console.log(JSON.stringify(report))
  else {
    for (const what of report.proved) console.log(`proved    ${what}`)
    for (const { what, said } of report.unproved) console.log(`UNPROVED  ${what}: ${said}`)
    for (const { test, why } of report.skipped) console.log(`skipped   ${test}: ${why}`)
    console.log(`${report.proved.length} proved, ${report.unproved.length} not, ${report.seconds} s`)
  }
  process.exitCode = report.unproved.length === 0 ? 0 : 1
}
