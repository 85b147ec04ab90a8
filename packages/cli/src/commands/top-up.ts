/**
 * `myst topup`, `myst register`: money in, and the identity on chain.
 *
 * @module
 */

import type { ApiClient, StatusJson } from '@myst/api'
import { type Action, type Register, withExample } from '../command.ts'
import { renderQrCode } from '../qr-code.ts'
import { renderFields } from '../table.ts'
import { mystText } from '../wording.ts'

interface TopUpOptions {
  readonly wait?: boolean
  readonly qr: boolean
}

const topUp: Action<[TopUpOptions]> = async (context, { wait, qr }) => {
  const { paint, progress, shell } = context
  const node = await context.node()
  const [target, status] = await progress('Asking the node', Promise.all([node.topUp(), node.status()]))
  const text = [
    `Send MYST to this address, on chain ${target.chainId}:`,
    '',
    `  ${paint('bold', target.channel)}`,
    ...(qr ? ['', renderQrCode(target.channel, paint)] : []),
    '',
    renderFields(paint, [
      ['token', target.token],
      ['there is', `${mystText(status.consumer.balance)}, of it ${mystText(status.consumer.left)} to spend`],
    ]),
    '',
    nextStep(status),
  ].join('\n')
  if (wait !== true) return { json: { ...target, balance: status.consumer.balance, left: status.consumer.left }, text }
  if (!context.json) shell.stdout.write(`${text}\n`)
  const after = await progress('Waiting for the money', untilMore(node, BigInt(status.consumer.balance)))
  const arrived = BigInt(after.consumer.balance) - BigInt(status.consumer.balance)
  return {
    json: { ...target, balance: after.consumer.balance, left: after.consumer.left },
    text: `${paint('green', 'Arrived')}: ${mystText(String(arrived))}. ${nextStep(after)}`,
  }
}

async function untilMore(node: ApiClient, before: bigint): Promise<StatusJson> {
  for await (const status of node.events()) {
    if (BigInt(status.consumer.balance) > before) return status
  }
  return node.status()
}

function nextStep({ registered, consumer }: StatusJson): string {
  if (registered) return consumer.left === '0' ? 'Once it is there: myst connect' : 'Next: myst connect'
  if (consumer.balance === '0') return 'Once it is there: myst register. Its fees are paid from it.'
  return 'Next: myst register. Its fees are paid from what is there.'
}

const register: Action<[object]> = async (context) => {
  const node = await context.node()
  const done = await context.progress('Registering on chain', node.register())
  const text =
    done.hash === undefined
      ? `${done.identity} is registered.`
      : `${context.paint('green', 'Registered')} ${done.identity}: ${mystText(done.registrationFee)} for the registry, ${mystText(done.transactorFee)} for the transactor.`
  return { json: done, text }
}

export const registerTopUp: Register = (program, bind) => {
  const command = program
    .command('topup')
    .summary('where to pay in, as text and QR code')
    .description('Shows where to pay in, how much is there, and what to do next.')
    .option('--wait', 'until more has arrived')
    .option('--no-qr', 'without the QR code')
    .action(bind(topUp))
  withExample(command, 'myst topup --wait')
  withExample(
    program
      .command('register')
      .summary('register the identity on chain')
      .description('Registers the identity on chain; the fees are taken from what its channel holds.')
      .action(bind(register)),
    'myst register',
  )
}
