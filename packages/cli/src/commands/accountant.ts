/**
 * `myst accountant`: the service that takes over consumers' promises from providers, in the foreground.
 *
 * @module
 */

import { resolve } from 'node:path'
import { readEndpoint } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { prepareAccountant } from '../prepare-accountant.ts'
import { runProgram } from '../start-program.ts'

interface AccountantOptions {
  readonly config?: string
  readonly network?: string
  readonly accountant?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly listen?: { readonly host: string; readonly port: number }
}

const accountant: Action<[AccountantOptions]> = async (context, { config, listen, ...start }) => {
  const configPath =
    config === undefined ? await prepareAccountant(context.dataDir, { ...start, ...listen }) : resolve(config)
  return runProgram('accountant', [configPath], {
    onReady: (line) => context.shell.stdout.write(`${readyText(context, line)}\n`),
  })
}

function readyText({ json, paint }: Context, line: string): string {
  if (json) return line
  const { url, accountant: address } = JSON.parse(line) as { readonly url: string; readonly accountant: string }
  return `${paint('green', 'The accountant runs')} at ${url}, for ${paint('bold', address)}. How it is doing: ${url}/v1/status, ${url}/metrics.`
}

export const registerAccountant: Register = (program, bind) => {
  const command = program
    .command('accountant')
    .summary('run an accountant: many consumers’ promises become one for each provider')
    .description(
      'Runs an accountant in the foreground: it takes over consumers’ promises from providers, gives one promise of its own for them, and collects on chain. Its contract must be registered, and the key must be that of its operator. The options are written to accountant.json in the data directory at first start.',
    )
    .option('--network <profile.json>', 'the network to serve, at first start')
    .option('--accountant <address>', 'which of its accountants, at first start (default: the only one)')
    .option('--keystore <file>', "the operator's key: it signs promises and pays gas; at first start")
    .option('--passphrase-file <file>', 'its passphrase, at first start')
    .option('--listen <host:port>', 'where to listen, at first start (default: 127.0.0.1:4060)', readEndpoint)
    .option('--config <accountant.json>', 'a configuration of your own, with its own data directory')
    .action(bind(accountant))
  withExample(
    command,
    'myst accountant --network oxford.network.json --keystore operator.json --passphrase-file operator.pass',
    'myst accountant',
  )
}
