/**
 * `myst settle`: what was earned, onto the chain.
 *
 * @module
 */

import { type Action, type Register, withExample } from '../command.ts'
import { mystText } from '../wording.ts'

const settle: Action<[object]> = async (context) => {
  const node = await context.node()
  const done = await context.progress('Settling on chain', node.settle())
  const kept = BigInt(done.paid) - BigInt(done.transactorFee)
  return {
    json: done,
    text: `${context.paint('green', 'Settled')} ${mystText(done.paid)}: ${mystText(String(kept))} for you, ${mystText(done.transactorFee)} for the transactor.`,
  }
}

export const registerSettle: Register = (program, bind) => {
  const command = program
    .command('settle')
    .summary('bring what was earned on chain')
    .description('Exchanges what is pending and brings everything that was earned on chain.')
    .action(bind(settle))
  withExample(command, 'myst settle')
}
