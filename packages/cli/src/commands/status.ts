/**
 * `myst status`: once, or as it changes.
 *
 * @module
 */

import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { statusText } from '../status-text.ts'

interface StatusOptions {
  readonly watch?: boolean
}

const status: Action<[StatusOptions]> = async (context, options) => {
  const node = await context.node()
  if (options.watch === true) return watch(context)
  const now = await context.progress('Asking the node', node.status())
  return { json: now, text: statusText(now, context.paint, Date.now()) }
}

const topLeftAndClear = '\x1b[H\x1b[J'

/** Ends with Ctrl-C; with `--json`, one object a line. */
async function watch({ node, shell, json, paint }: Context): Promise<number> {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop)
  try {
    const clear = shell.stdout.isTTY === true ? topLeftAndClear : ''
    for await (const now of (await node()).events({ signal: stopping.signal })) {
      const text = json ? JSON.stringify(now) : `${clear}${statusText(now, paint, Date.now())}\n`
      shell.stdout.write(`${text}\n`)
    }
    return 0
  } finally {
    process.off('SIGINT', stop)
  }
}

export const registerStatus: Register = (program, bind) => {
  const command = program
    .command('status')
    .summary('identity, money, connections, services')
    .description('Shows identity, money, connections and services.')
    .option('-w, --watch', 'go on, with every change, until Ctrl-C; with --json one object a line')
    .action(bind(status))
  withExample(command, 'myst status --watch')
}
