/**
 * One run of the command line: arguments in, output and an exit code out.
 *
 * @module
 */

import { Command, CommanderError } from 'commander'
import type { Bind, Register } from './command.ts'
import { registerAccountant } from './commands/accountant.ts'
import { registerBounty } from './commands/bounty.ts'
import { registerConnect } from './commands/connect.ts'
import { registerContracts } from './commands/contracts.ts'
import { registerFaucet } from './commands/faucet.ts'
import { registerIdentity } from './commands/identity.ts'
import { registerLeave } from './commands/leave.ts'
import { registerNode } from './commands/node.ts'
import { registerProposals } from './commands/proposals.ts'
import { registerServe } from './commands/serve.ts'
import { registerSettle } from './commands/settle.ts'
import { registerStatus } from './commands/status.ts'
import { registerTopUp } from './commands/top-up.ts'
import { registerTransactor } from './commands/transactor.ts'
import { registerUp } from './commands/up.ts'
import { registerVersion } from './commands/version.ts'
import { createContext, type GlobalOptions } from './context.ts'
import { type Failure, failureOf, usageExitCode, usageFailure } from './failure.ts'
import { painter, type Shell } from './shell.ts'

/** In the order of the help. */
const commands: readonly Register[] = [
  registerUp,
  registerNode,
  registerTopUp,
  registerAccountant,
  registerBounty,
  registerFaucet,
  registerProposals,
  registerConnect,
  registerStatus,
  registerServe,
  registerSettle,
  registerLeave,
  registerIdentity,
  registerContracts,
  registerTransactor,
  registerVersion,
]

/** @param args without the names of the runtime and the script. */
export async function runCli(args: readonly string[], shell: Shell): Promise<number> {
  const json = args.includes('--json')
  const paint = painter(shell.stderr, shell.env)
  const show = ({ exitCode, json: object, text }: Failure): number => {
    if (json) shell.stdout.write(`${JSON.stringify(object)}\n`)
    else shell.stderr.write(`${text}\n`)
    return exitCode
  }
  let exitCode = 0
  const program = createProgram(shell, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) return show(failureOf(error, paint))
    if (error.exitCode === 0) return 0
    // Help that was not asked for: it is printed already.
    if (error.code === 'commander.help') return usageExitCode
    return show(usageFailure(error.message, paint))
  }
}

function createProgram(shell: Shell, end: (exitCode: number) => void): Command {
  const program = new Command('myst')
    .description('A decentralised VPN, paid by the byte. Consumers and providers meet without a middleman.')
    .option('-d, --data-dir <dir>', 'keys, configuration and state of a node (default: ~/.myst, or MYST_DATA_DIR)')
    .option('--json', 'one JSON object on stdout, for programs')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(text),
      // Shown with every other failure, in one way.
      outputError: () => {},
      getOutHelpWidth: () => shell.stdout.columns ?? 100,
      getErrHelpWidth: () => shell.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused, 2 used wrongly, 3 something needed does not answer.\nExample:\n  $ myst up --once',
    )
  const bind: Bind =
    (action) =>
    async (...given) => {
      const context = createContext(shell, program.opts<GlobalOptions>())
      // Commander adds the command itself as the last one.
      const outcome = await action(context, ...(given.slice(0, -1) as never))
      if (typeof outcome === 'number') return end(outcome)
      shell.stdout.write(`${context.json ? JSON.stringify(outcome.json) : outcome.text}\n`)
    }
  for (const register of commands) register(program, bind)
  return program
}
