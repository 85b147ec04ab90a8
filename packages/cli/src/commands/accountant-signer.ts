/**
 * `myst accountant signer`: the operator's key in a process of its own, in the foreground.
 *
 * @module
 */

import type { Command } from 'commander'
import type { Action } from '../command.ts'
import type { Context } from '../context.ts'
import { prepareSigner } from '../prepare-accountant.ts'
import { runProgram } from '../start-program.ts'

export interface SignerOptions {
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly socket?: string
  readonly forGroup?: boolean
}

export const signer: Action<[SignerOptions]> = async (context, { keystore, passphraseFile, socket, forGroup }) => {
  const configPath = await prepareSigner(context.dataDir, {
    ...(keystore === undefined ? {} : { keystore }),
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
    ...(socket === undefined ? {} : { socket }),
    ...(forGroup === true ? { forGroup: 'yes' } : {}),
  })
  return runProgram('accountant-signer', [configPath], {
    onReady: (line) => context.shell.stdout.write(`${readyText(context, line)}\n`),
  })
}

function readyText({ json, paint }: Context, line: string): string {
  if (json) return line
  const { socket, operator } = JSON.parse(line) as { readonly socket: string; readonly operator: string }
  return `${paint('green', 'The signer runs')} at ${socket}, for ${paint('bold', operator)}.`
}

/** Those that `myst accountant` has too are taken by it, wherever they stand. */
export const signerCommand = (group: Command): Command =>
  group
    .command('signer')
    .summary("hold the operator's key in a process of its own")
    .description(
      "Holds the operator's key in the foreground and signs what an accountant on the same machine asks for over a socket file, so that the accountant never has the key. Run it as another user: an accountant that somebody took over can ask for signatures, and cannot carry the key away. The options are written to signer.json in the data directory at first start.",
    )
    .option('--keystore <file>', "the operator's key, at first start")
    .option('--passphrase-file <file>', 'its passphrase, at first start')
    .option('--socket <path>', 'the socket file, at first start; its owner alone may use it')
    .option('--for-group', "the file's group may use it too; at first start")
