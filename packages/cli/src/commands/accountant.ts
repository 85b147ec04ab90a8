/**
 * `myst accountant`: the service that takes over consumers' promises from providers, in the foreground.
 *
 * @module
 */

import { join, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Answer } from '../answer.ts'
import { readEndpoint } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { askLedger } from '../ledger-program.ts'
import { prepareAccountant } from '../prepare-accountant.ts'
import { runProgram } from '../start-program.ts'
import { type RegisterOptions, register, registerCommand } from './accountant-register.ts'
import { type SignerOptions, signer, signerCommand } from './accountant-signer.ts'

interface AccountantOptions {
  readonly config?: string
  readonly network?: string
  readonly accountant?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly signer?: string
  readonly recovered?: boolean
  readonly listen?: { readonly host: string; readonly port: number }
}

const accountant: Action<[AccountantOptions]> = async (context, { config, listen, recovered, ...start }) => {
  const configPath =
    config === undefined ? await prepareAccountant(context.dataDir, { ...start, ...listen }) : resolve(config)
  return runProgram('accountant', [configPath, ...(recovered === true ? ['--recovered'] : [])], {
    onReady: (line) => context.shell.stdout.write(`${readyText(context, line)}\n`),
  })
}

function readyText({ json, paint }: Context, line: string): string {
  if (json) return line
  const { url, accountant: address } = JSON.parse(line) as { readonly url: string; readonly accountant: string }
  return `${paint('green', 'The accountant runs')} at ${url}, for ${paint('bold', address)}. How it is doing: ${url}/v1/status, ${url}/metrics.`
}

const configOf = ({ dataDir }: Context, config?: string) => resolve(config ?? join(dataDir, 'accountant.json'))

async function backup(context: Context, file: string, config?: string): Promise<Answer> {
  const json = await askLedger(configOf(context, config), 'backup', resolve(file))
  return {
    json,
    text: `${json.file} is whole: ${json.entries} groups of answers. What is answered from now on is not in it.`,
  }
}

async function restore(context: Context, file: string, config?: string): Promise<Answer> {
  const json = await askLedger(configOf(context, config), 'restore', resolve(file))
  const next = 'The accountant recovers from its next start on: providers give back what they were answered since.'
  return { json, text: `${json.file} is in place: ${json.entries} groups of answers. ${next}` }
}

async function move(context: Context, to: string, config?: string): Promise<Answer> {
  const configPath = configOf(context, config)
  const json = await context.progress('Copying and checking', askLedger(configPath, 'move', to))
  return {
    json,
    text: `The ledger is in PostgreSQL: ${json.entries} groups of answers. ${configPath} names it, and ${json.file} stays behind.`,
  }
}

function readDatabase(text: string): string {
  if (!/^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? '')) {
    throw new InvalidArgumentError('Write it as postgres://user:password@host/database.')
  }
  return text
}

export const registerAccountant: Register = (program, bind) => {
  const command = program
    .command('accountant')
    .summary('run an accountant: many consumers’ promises become one for each provider')
    .description(
      'Runs an accountant in the foreground: it takes over consumers’ promises from providers, gives one promise of its own for them, and collects on chain. Its contract must be registered (myst accountant register), and the key must be that of its operator. The options are written to accountant.json in the data directory at first start.',
    )
    .option('--network <profile.json>', 'the network to serve, at first start')
    .option('--accountant <address>', 'which of its accountants, at first start (default: the only one)')
    .option('--keystore <file>', "the operator's key: it signs promises and pays gas; at first start")
    .option('--passphrase-file <file>', 'its passphrase, at first start')
    .option('--signer <socket>', 'who has the key instead (myst accountant signer), at first start')
    .option('--listen <host:port>', 'where to listen, at first start (default: 127.0.0.1:4060)', readEndpoint)
    .option('--recovered', 'the ledger was put back from a dump or a plain copy, and lacks what was answered since')
    .option('--config <accountant.json>', 'a configuration of your own, with its own data directory')
    .action(bind(accountant))
  registerCommand(command).action(
    bind((context, own: RegisterOptions) => register(context, { ...command.opts<AccountantOptions>(), ...own })),
  )
  signerCommand(command).action(
    bind((context, own: SignerOptions) => signer(context, { ...command.opts<AccountantOptions>(), ...own })),
  )
  // The parent takes --config for them, wherever it stands.
  const config = () => command.opts<AccountantOptions>().config
  command
    .command('backup')
    .summary('copy the ledger, also while the accountant runs')
    .description(
      'Copies the ledger to a new file, checks all of it, and marks it as a backup. An accountant that is started on it recovers.',
    )
    .argument('<file>', 'where the copy goes; never over a file that is there')
    .action(bind((context, file: string) => backup(context, file, config())))
  command
    .command('restore')
    .summary('put a backup of the ledger in place')
    .description('Puts a backup in the place of a ledger that is gone or was moved away, after checking all of it.')
    .argument('<file>', 'what "myst accountant backup" wrote')
    .action(bind((context, file: string) => restore(context, file, config())))
  command
    .command('move')
    .summary('move the ledger from its file into PostgreSQL')
    .description(
      'Moves the ledger of an accountant that is stopped into a PostgreSQL database, reads all of it back and compares, and writes the database into the configuration. A move that was ended is finished by the same command.',
    )
    .requiredOption('--to <postgres://…>', 'a database of its own, without a ledger', readDatabase)
    .action(bind((context, { to }: { readonly to: string }) => move(context, to, config())))
  withExample(
    command,
    'myst accountant --network oxford.network.json --keystore operator.json --passphrase-file operator.pass',
    'myst accountant',
    'myst accountant backup ledger-monday.db',
  )
}
