/**
 * Gas: what each payment costs on chain, next to the goal and to the live network's contracts.
 *
 * @example ./dev bench gas
 *
 * @module
 */

import { loadNativeCrypto } from '@myst/crypto-native'
import { type Compiler, readCompiler } from '../tools/contracts/compiler.ts'
import { type Benchmark, renderTable } from './frame/benchmark.ts'
import { type GasFigures, measureGas } from './gas/measure.ts'

/** The live network's own contracts, measured in the same way: whole transactions, second use of every word. */
const toBeat = { register: 296_422, settle: 88_429, collect: 62_006 } as const
const goals = {
  register: 160_000,
  settle: 70_000,
  settleManyMarginal: 30_000,
  payoutMarginal: 30_000,
  collectMarginal: 30_000,
} as const

export interface GasReport extends GasFigures {
  readonly toBeat: typeof toBeat
  readonly goals: typeof goals
  /** What the bytecode in `contracts/generated` was made with. */
  readonly compiler: Compiler
  readonly chain: { readonly version: string; readonly hardFork: string }
}

const meanings: Readonly<Record<keyof GasFigures, string>> = {
  register: 'register, with the channel and both fees',
  openChannel: 'open a channel',
  settle: 'a provider settles',
  settleWithOrder: 'a transactor settles, for a fee',
  settleManyMarginal: 'settle one more in a batch of 100',
  payoutMarginal: 'pay out one more in a batch of 100',
  collect: 'collect a channel',
  collectMarginal: 'collect one more in a batch of 100',
  topUp: 'top up a channel',
}

export const bench: Benchmark<GasReport> = {
  about: 'what each payment costs on chain, whole transactions',

  async run(say) {
    const { chain, ...figures } = await measureGas(await loadNativeCrypto(), say)
    return { ...figures, toBeat, goals, compiler: readCompiler(), chain }
  },

  render(report) {
    const names = Object.keys(meanings) as (keyof GasFigures)[]
    const { solc, optimizerRuns, viaIR, evm } = report.compiler
    const { version, hardFork } = report.chain
    return [
      renderTable([
        ['gas', 'ours', 'goal', 'live network'],
        ...names.map((name) => [meanings[name], ...[report, goals, toBeat].map((of) => show(of, name))]),
      ]),
      '',
      `solc ${solc} for ${evm}, ${optimizerRuns} runs${viaIR ? ', via IR' : ''}; ${version}, ${hardFork}`,
    ].join('\n')
  },

  figures: (report) =>
    Object.fromEntries((Object.keys(meanings) as (keyof GasFigures)[]).map((name) => [name, report[name]])),
}

function show(of: Readonly<Partial<Record<keyof GasFigures, number>>>, name: keyof GasFigures): string {
  return of[name]?.toLocaleString('en') ?? ''
}
