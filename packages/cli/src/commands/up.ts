/**
 * `myst up`: a whole network on this machine; the devnet's program does it all.
 *
 * @module
 */

import { type Action, type Register, withExample } from '../command.ts'
import { runProgram } from '../start-program.ts'

interface UpOptions {
  readonly once?: boolean
  readonly loopback?: boolean
  readonly keep?: boolean
}

const up: Action<[UpOptions]> = ({ json }, options) => {
  const flags = Object.entries({ ...options, json }).filter(([, wanted]) => wanted)
  return runProgram(
    'devnet',
    flags.map(([name]) => `--${name}`),
  )
}

export const registerUp: Register = (program, bind) => {
  const command = program
    .command('up')
    .summary('a whole network on this machine, traffic flowing and paid for')
    .description('Runs a whole network on this machine, traffic flowing and paid for, until Ctrl-C.')
    .option('--once', 'tell the story to its end, then close')
    .option('--loopback', 'without network namespaces, also as root')
    .option('--keep', 'leave data and logs behind when it ends')
    .action(bind(up))
  withExample(command, 'myst up', 'myst up --once --json')
}
