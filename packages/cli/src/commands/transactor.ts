/**
 * `myst transactor`: the service that sends transactions for people without gas, in the foreground.
 *
 * @module
 */

import { resolve } from 'node:path'
import { readEndpoint, readMyst } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { prepareTransactor } from '../prepare-transactor.ts'
import { runProgram } from '../start-program.ts'

interface TransactorOptions {
  readonly config?: string
  readonly network?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly mystPerNative?: string
  readonly listen?: { readonly host: string; readonly port: number }
}

const transactor: Action<[TransactorOptions]> = async (context, { config, listen, ...start }) => {
  const configPath =
    config === undefined ? await prepareTransactor(context.dataDir, { ...start, ...listen }) : resolve(config)
  return runProgram('transactor', [configPath], {
    onReady: (line) => context.shell.stdout.write(`${readyText(context, line)}\n`),
  })
}

function readyText({ json, paint }: Context, line: string): string {
  if (json) return line
  const { url, networks } = JSON.parse(line) as {
    readonly url: string
    readonly networks: readonly { readonly networkId: string; readonly transactor: string }[]
  }
  return [
    `${paint('green', 'The transactor runs')} at ${url}. How it is doing: ${url}/v1/status, ${url}/metrics.`,
    ...networks.map(({ networkId, transactor }) => `${networkId}: gas is paid by ${paint('bold', transactor)}.`),
  ].join('\n')
}

export const registerTransactor: Register = (program, bind) => {
  const command = program
    .command('transactor')
    .summary('run a transactor: gas for people who have none, for a fee in MYST')
    .description(
      'Runs a transactor in the foreground. It sends the signed messages of people who own no gas, and is paid in MYST by the same transaction. The options are written to transactor.json in the data directory at first start; several networks, a faucet or sponsored registrations are entered there.',
    )
    .option('--network <profile.json>', 'the network to serve, at first start')
    .option('--keystore <file>', 'the key that pays the gas, at first start')
    .option('--passphrase-file <file>', 'its passphrase, at first start')
    .option('--myst-per-native <MYST>', "what a unit of the chain's coin is worth to you, at first start", readMyst)
    .option('--listen <host:port>', 'where to listen, at first start (default: 127.0.0.1:4070)', readEndpoint)
    .option('--config <transactor.json>', 'a configuration of your own, with its own data directory')
    .action(bind(transactor))
  withExample(
    command,
    'myst transactor --network oxford.network.json --keystore gas.json --passphrase-file gas.pass --myst-per-native 100',
    'myst transactor',
  )
}
