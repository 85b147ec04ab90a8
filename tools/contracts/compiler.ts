/**
 * The compiler's settings in `contracts/foundry.toml`, for whoever compiles beside forge or says what was compiled with.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const root = join(import.meta.dirname, '../..')

export interface Compiler {
  readonly solc: string
  readonly optimizerRuns: number
  readonly viaIR: boolean
  readonly evm: string
}

export function readCompiler(): Compiler {
  const settings = readFileSync(join(root, 'contracts/foundry.toml'), 'utf8')
  // The first one is the default profile's, whose bytecode is published.
  const setting = (name: string) => new RegExp(`^${name} = '?([^'\\n]*)'?$`, 'm').exec(settings)?.[1]
  const { version } = require('solc/package.json') as { version: string }
  return {
    solc: version,
    optimizerRuns: Number(setting('optimizer_runs')),
    viaIR: setting('via_ir') === 'true',
    evm: setting('evm_version') ?? 'unknown',
  }
}

/**
 * Compiles one contract that only tests use, with the settings of those that are published.
 *
 * @param path of the source, from the repository's root.
 * @returns its run-time code.
 */
export function compileRuntime(path: string, contract: string): `0x${string}` {
  const solc = require('solc') as { compile(input: string, callbacks: { import: typeof readImport }): string }
  const { optimizerRuns, viaIR, evm } = readCompiler()
  const input = {
    language: 'Solidity',
    sources: { [path]: { content: readFileSync(join(root, path), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: optimizerRuns },
      viaIR,
      evmVersion: evm,
      outputSelection: { [path]: { [contract]: ['evm.deployedBytecode.object'] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport })) as SolcOutput
  const failed = output.errors?.filter(({ severity }) => severity === 'error') ?? []
  if (failed.length > 0) throw new Error(failed.map(({ formattedMessage }) => formattedMessage).join('\n'))
  return `0x${output.contracts[path]?.[contract]?.evm.deployedBytecode.object as string}`
}

interface SolcOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Record<string, Record<string, { evm: { deployedBytecode: { object: string } } }>>
}

function readImport(path: string): { contents: string } | { error: string } {
  const file = path.startsWith('@openzeppelin/') ? join('node_modules', path) : path
  try {
    return { contents: readFileSync(join(root, file), 'utf8') }
  } catch (error) {
    return { error: String(error) }
  }
}
