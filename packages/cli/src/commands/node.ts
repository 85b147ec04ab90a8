/**
 * `myst node`, `myst stop`: the node of a data directory, in the foreground, and its end.
 *
 * @module
 */

import { Fault } from '@myst/api'
import type { Answer } from '../answer.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { prepareNode } from '../prepare-node.ts'
import { runProgram } from '../start-program.ts'

interface NodeOptions {
  readonly config?: string
  readonly network?: string
  readonly passphraseFile?: string
}

const node: Action<[NodeOptions]> = async (context, options) => {
  const configPath = options.config ?? (await prepareNode(context.dataDir, options))
  return runProgram('node', [configPath], {
    onReady: (line) => context.shell.stdout.write(`${readyText(context, line)}\n`),
  })
}

function readyText({ json, paint }: Context, line: string): string {
  if (json) return line
  const { identity, socket, url } = JSON.parse(line) as { identity: string; socket: string; url?: string }
  return [
    `${paint('green', 'The node runs.')} It is ${paint('bold', identity)} and listens at ${url ?? socket}.`,
    'In another terminal: myst topup, myst status. Ctrl-C pays and ends its sessions.',
  ].join('\n')
}

/** A graceful end takes 10 s at most; the process then still has to go. */
const stopTimeoutMs = 15_000
/** A person waits for the end, and sees it so late at most. */
const pollMs = 100

const stop: Action<[object]> = async (context) => {
  const running = await context.node()
  await running.stop()
  await context.progress(
    'Ending sessions',
    untilGone(async () => void (await running.health())),
  )
  return { json: { stopped: true }, text: 'The node has stopped.' } satisfies Answer
}

async function untilGone(ask: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + stopTimeoutMs
  for (;;) {
    try {
      await ask()
    } catch (fault) {
      if (fault instanceof Fault && fault.code === 'node-unreachable') return
      if (!(fault instanceof Fault && fault.code === 'node-stopping')) throw fault
    }
    if (performance.now() > deadline) throw new Fault('node-timeout', { timeoutMs: stopTimeoutMs })
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

export const registerNode: Register = (program, bind) => {
  const command = program
    .command('node')
    .summary('run the node in the foreground')
    .description(
      'Runs the node in the foreground. At first start it needs the file of the network that it is to join; what it needs from then on is in the data directory.',
    )
    .option('--network <profile.json>', 'the network to join, at first start')
    .option('--passphrase-file <file>', "the passphrase of the node's identity, at first start (else one is made)")
    .option('--config <config.json>', 'a configuration of your own, with its own data directory')
    .action(bind(node))
  withExample(command, 'myst node --network profile.json', 'myst node')
  withExample(
    program
      .command('stop')
      .summary('pay and end all sessions, then end the node')
      .description('Pays and ends all sessions, then ends the node.')
      .action(bind(stop)),
    'myst stop',
  )
}
