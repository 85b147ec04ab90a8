/**
 * `myst leave`, `myst withdraw`, `myst beneficiary`: money home.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import type { Address, ApiClient, ErrandJson, LeavingJson } from '@myst/api'
import { readAddress, readKey, readMyst } from '../arguments.ts'
import { askYes } from '../ask-yes.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Paint } from '../shell.ts'
import { alarmText, short } from '../status-text.ts'
import { renderTable } from '../table.ts'
import { mystText } from '../wording.ts'

interface LeaveOptions {
  readonly to?: Address
  readonly status?: boolean
  readonly cancel?: boolean
  readonly yes?: boolean
}

/** The node looks at what it sent each second: this shows every step of it. */
const pollMs = 500

const leave: Action<[LeaveOptions]> = async (context, { to, status, cancel, yes }) => {
  const { paint, progress, json, shell } = context
  const node = await context.node()
  if (cancel === true) return { json: await node.stay(), text: 'The node stays. What was sent already goes on.' }
  if (status === true) {
    const now = await progress('Asking the node', node.leaving())
    return { json: now, text: leavingText(now, paint) }
  }
  const isAsked = yes !== true && !json && shell.stdin.isTTY === true
  const where = to === undefined ? 'to the registered beneficiary' : `to ${to}`
  if (isAsked && !(await askYes(shell, `End all sessions and services, and send all money ${where}?`))) {
    return { json: await node.leaving(), text: 'Nothing was sent.' }
  }
  const first = await progress('Ending business and sending money home', node.leave(to === undefined ? {} : { to }))
  const end = await progress('Waiting for the chain', untilQuiet(node, first))
  return { json: end, text: leavingText(end, paint) }
}

/** Until all is home, or what is left waits for days or for somebody. */
async function untilQuiet(node: ApiClient, first: LeavingJson): Promise<LeavingJson> {
  let now = first
  while (!now.isOver && (now.errands.length === 0 || now.errands.some(({ state }) => state === 'working'))) {
    await wait(pollMs)
    now = await node.leaving()
  }
  return now
}

function leavingText({ isWished, isOver, errands }: LeavingJson, paint: Paint): string {
  if (!isWished) return 'This node stays. To bring all money home: myst leave'
  const table = errands.length === 0 ? [] : [errandTable(errands, paint)]
  const alarms = errands.flatMap(({ problem, state }) =>
    problem === undefined || state === 'done' ? [] : [alarmText(problem, paint)],
  )
  const end = isOver
    ? `${paint('green', 'All money is home.')} You may stop the node and remove it: myst stop`
    : 'Leave the node running, or start it again later: it goes on by itself. See how far it is: myst leave --status'
  return [...table, ...alarms, end].join('\n')
}

const names = { earnings: 'earnings', channel: 'channel', stake: 'stake', wallet: "identity's own" } as const

function errandTable(errands: readonly ErrandJson[], paint: Paint): string {
  const rows = errands.map(({ kind, accountant, state, amount, dueAtMs, hash }) => [
    names[kind],
    accountant === undefined ? '' : short(accountant),
    paint(state === 'done' ? 'green' : 'yellow', stateText(state, dueAtMs)),
    state === 'done' ? '' : mystText(amount),
    hash ?? '',
  ])
  return renderTable(paint, ['money', 'accountant', '', 'to come', 'transaction'], rows)
}

function stateText(state: ErrandJson['state'], dueAtMs: number | undefined): string {
  if (state === 'left') return 'not worth its fee, or yours already'
  if (state !== 'waiting' || dueAtMs === undefined) return state === 'stuck' ? 'tried again' : state
  return `due ${new Date(dueAtMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

interface WithdrawOptions {
  readonly to?: Address
  readonly amount?: string
  readonly key?: string
  readonly yes?: boolean
}

const withdraw: Action<[WithdrawOptions]> = async (context, { to, amount, key, yes }) => {
  const { paint, progress, json, shell } = context
  const node = await context.node()
  const sum = amount === undefined ? 'all that is not promised' : mystText(amount)
  const isAsked = yes !== true && !json && shell.stdin.isTTY === true
  if (isAsked && !(await askYes(shell, `Take ${sum} from the channel, to ${to ?? 'the registered beneficiary'}?`))) {
    return { json: { sent: false }, text: 'Nothing was sent.' }
  }
  const ask = { ...(to === undefined ? {} : { to }), ...(amount === undefined ? {} : { amount }) }
  const once = key === undefined ? {} : { idempotencyKey: key }
  const errand = await progress('Sending it home', node.withdraw(ask, once))
  const { problem } = errand
  const lines = [errandTable([errand], paint), ...(problem === undefined ? [] : [alarmText(problem, paint)])]
  return { json: errand, text: [...lines, 'It goes on by itself. See it arrive: myst status'].join('\n') }
}

interface BeneficiaryOptions {
  readonly yes?: boolean
}

const beneficiary: Action<[Address | undefined, BeneficiaryOptions]> = async (context, given, { yes }) => {
  const { progress, json, shell } = context
  const node = await context.node()
  if (given === undefined) {
    const now = await progress('Asking the chain', node.beneficiary())
    return { json: now, text: now.beneficiary }
  }
  const question = `From now on everything that names nobody is paid to ${given}. Do you hold its key?`
  if (yes !== true && !json && shell.stdin.isTTY === true && !(await askYes(shell, question))) {
    return { json: await node.beneficiary(), text: 'Nothing was changed.' }
  }
  const done = await progress('Changing it on chain', node.changeBeneficiary({ beneficiary: given }))
  return { json: done, text: `Paid from now on: ${done.beneficiary}` }
}

export const registerLeave: Register = (program, bind) => {
  withExample(
    program
      .command('leave')
      .summary('all money home, before you uninstall')
      .description(
        "Ends sessions and services, settles what was earned, and sends home what channel and stakes hold. Some of it waits for the contracts' delay of days; the node goes on by itself, over restarts.",
      )
      .option('--to <address>', 'where to (default: the registered beneficiary)', readAddress)
      .option('--status', 'only say how far it is')
      .option('--cancel', 'stay after all; what was sent already goes on')
      .option('-y, --yes', 'do not ask')
      .action(bind(leave)),
    'myst leave --to 0x00000000000000000000000000000000000000a1',
    'myst leave --status',
  )
  withExample(
    program
      .command('withdraw')
      .summary('money from the channel')
      .description(
        "Takes out of the channel what is not promised: at once where the accountant co-signs, else after the contract's delay of days.",
      )
      .option('--to <address>', 'where to (default: the registered beneficiary)', readAddress)
      .option('--amount <MYST>', 'so much (default: all of it)', readMyst)
      .option('--key <name>', 'asked for again under this name, it leaves once: for scripts', readKey)
      .option('-y, --yes', 'do not ask')
      .action(bind(withdraw)),
    'myst withdraw --amount 2',
    'myst withdraw --amount 2 --key 2026-11 --yes',
  )
  withExample(
    program
      .command('beneficiary')
      .argument('[address]', 'who is paid from now on', readAddress)
      .summary('who is paid for this identity')
      .description("Shows who is paid, or changes it for good; the identity's wallet pays the gas.")
      .option('-y, --yes', 'do not ask')
      .action(bind(beneficiary)),
    'myst beneficiary',
  )
}
