/**
 * `myst settle`, `myst earnings`, `myst settlements`: what was earned, onto the chain.
 *
 * @module
 */

import type { Address, EarningsJson, PaymentJson, SettlementPreviewJson } from '@myst/api'
import { InvalidArgumentError } from 'commander'
import { readAddress, readMyst } from '../arguments.ts'
import { askYes } from '../ask-yes.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import type { Paint } from '../shell.ts'
import { alarmText, short } from '../status-text.ts'
import { renderTable } from '../table.ts'
import { coinText, mystText } from '../wording.ts'

interface SettleOptions {
  readonly accountant?: Address
  readonly into?: 'wallet' | 'stake'
  readonly to?: Address
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const settle: Action<[SettleOptions]> = async (context, { to, dryRun, yes, ...chosen }) => {
  const { paint, progress, json, shell } = context
  const node = await context.node()
  const ask = { ...pick(chosen), ...(to === undefined ? {} : { beneficiary: to }) }
  const isAsked = dryRun === true || (yes !== true && !json && shell.stdin.isTTY === true)
  if (isAsked) {
    const preview = await progress('Asking what it costs', node.settlementPreview(ask))
    const text = previewText(preview.settlements, paint)
    if (dryRun === true) return { json: { ...preview, sent: false }, text: `${text}\nNothing was sent.` }
    shell.stdout.write(`${text}\n`)
    if (!(await askYes(shell, 'Settle?'))) return { json: { ...preview, sent: false }, text: 'Nothing was sent.' }
  }
  const done = await progress('Settling on chain', node.settle(ask))
  const kept = BigInt(done.paid) - BigInt(done.transactorFee)
  const waiting = done.settlements.some(({ hash }) => hash === undefined) ? ' It is on its way: myst settlements' : ''
  return {
    json: done,
    text: [
      `${paint('green', 'Settled')} ${mystText(done.paid)}: ${mystText(String(kept))} for you, ${mystText(done.transactorFee)} for the transactor.${waiting}`,
      ...done.refused.map((alarm) => alarmText(alarm, paint)),
    ].join('\n'),
  }
}

const pick = ({ accountant, into }: Pick<SettleOptions, 'accountant' | 'into'>) => ({
  ...(accountant === undefined ? {} : { accountant }),
  ...(into === undefined ? {} : { into }),
})

function previewText(previews: readonly SettlementPreviewJson[], paint: Paint): string {
  const rows = previews.map(({ accountant, due, fee, gas, arrives, to, transactor }) => [
    short(accountant),
    mystText(due),
    gas === undefined ? mystText(fee) : `${coinText(gas, 'up')} of the chain's coin`,
    paint('bold', mystText(arrives)),
    to === accountant ? 'your stake there' : to,
    transactor,
  ])
  const refused = previews.flatMap(({ refusal }) => (refusal === undefined ? [] : [alarmText(refusal, paint)]))
  return [
    renderTable(paint, ['accountant', 'pays', 'fee, at most', 'arrives', 'at', 'carried by'], rows),
    ...refused,
  ].join('\n')
}

const earnings: Action<[object]> = async (context) => {
  const node = await context.node()
  const { accountants } = await context.progress('Asking the node', node.earnings())
  const text =
    accountants.length === 0
      ? 'Nothing was earned yet. Offer something: myst serve'
      : earningsText(accountants, context)
  return { json: { accountants }, text }
}

function earningsText(all: readonly EarningsJson[], { paint }: Context): string {
  const rows = all.map(({ accountant, uncredited, unsettled, guaranteed, settling, settled, fees, stake }) => [
    short(accountant),
    mystText(uncredited),
    paint('bold', mystText(unsettled)),
    mystText(guaranteed),
    mystText(settling),
    settled === undefined ? '?' : mystText(settled),
    mystText(fees),
    mystText(stake),
  ])
  const head = ['accountant', 'uncredited', 'unsettled', 'guaranteed', 'on its way', 'settled', 'of it fees', 'stake']
  const problems = all.flatMap(({ problem }) => (problem === undefined ? [] : [alarmText(problem, paint)]))
  return [renderTable(paint, head, rows), ...problems].join('\n')
}

interface SettlementsOptions {
  readonly limit: string
  readonly cursor?: string
}

const settlements: Action<[SettlementsOptions]> = async (context, { limit, cursor }) => {
  const node = await context.node()
  const page = { limit, ...(cursor === undefined ? {} : { cursor }) }
  const found = await context.progress('Asking the node', node.settlements(page))
  if (found.settlements.length === 0) return { json: found, text: 'Nothing was settled yet.' }
  const text = paymentsText(found.settlements, context.paint)
  const more = found.cursor === undefined ? '' : `\nMore: myst settlements --cursor ${found.cursor}`
  return { json: found, text: `${text}${more}` }
}

function paymentsText(payments: readonly PaymentJson[], paint: Paint): string {
  const rows = payments.map(({ atMs, kind, accountant, paid, fee, to, block, hash, isConfirmed }) => [
    new Date(atMs).toISOString().slice(0, 19).replace('T', ' '),
    isConfirmed ? kind : paint('yellow', `${kind}, pending`),
    short(accountant),
    paint('bold', mystText(paid)),
    mystText(fee),
    to === undefined ? 'you' : to === accountant ? 'your stake' : short(to),
    block,
    hash,
  ])
  return renderTable(paint, ['UTC', '', 'accountant', 'paid', 'of it fee', 'to', 'block', 'transaction'], rows)
}

interface PayoutOptions {
  readonly accountant?: Address
  readonly every?: 'never' | 'day' | 'week'
  readonly least?: string
}

const payout: Action<[PayoutOptions]> = async (context, { accountant, every, least }) => {
  const { progress, paint } = context
  const node = await context.node()
  const of = accountant === undefined ? {} : { accountant }
  const now =
    every === undefined
      ? await progress('Asking the accountant', node.payout(of))
      : await progress(
          'Asking the accountant for it',
          node.orderPayout({ ...of, every, ...(least === undefined ? {} : { least }) }),
        )
  const from = now.least === '0' ? '' : `, from ${mystText(now.least)} on`
  const heard = now.isWished ? '' : ' Its contract hears of it with the first payout.'
  const text =
    now.every === 'never'
      ? `${short(now.accountant)} pays nothing by itself. Ask for it: myst payout --every week`
      : `${paint('green', short(now.accountant))} pays every ${now.every} what was earned${from}, and bears the gas.${heard}`
  return { json: now, text }
}

function readPeriod(text: string): 'never' | 'day' | 'week' {
  if (text === 'never' || text === 'day' || text === 'week') return text
  throw new InvalidArgumentError('It pays every day, every week, or never: --every week')
}

function readInto(text: string): 'wallet' | 'stake' {
  if (text === 'wallet' || text === 'stake') return text
  throw new InvalidArgumentError('It goes into the wallet or into the stake: --into stake')
}

function readLimit(text: string): string {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('A number from 1 to 999.')
  return text
}

export const registerSettle: Register = (program, bind) => {
  const command = program
    .command('settle')
    .summary('bring what was earned on chain')
    .description(
      'Exchanges what is pending and brings everything that was earned on chain. In a terminal it says first what that costs, and asks.',
    )
    .option('--dry-run', 'only say what arrives, where, and what it costs')
    .option('-y, --yes', 'do not ask')
    .option('--to <address>', 'who is paid (default: the registered beneficiary)', readAddress)
    .option('--into <place>', 'wallet (default), or stake: it then backs what you earn there', readInto)
    .option('--accountant <address>', 'of this accountant only', readAddress)
    .action(bind(settle))
  withExample(command, 'myst settle --dry-run', 'myst settle --yes', 'myst settle --into stake')
  withExample(
    program
      .command('earnings')
      .summary('what was earned: uncredited, unsettled, settled')
      .description('Shows what was earned with each accountant, how far it has come, and what stands in the way.')
      .action(bind(earnings)),
    'myst earnings',
  )
  withExample(
    program
      .command('payout')
      .summary('be paid every day or week, without gas')
      .description(
        'Shows how an accountant pays by itself, or asks for it. It pays what was earned and revealed, to the registered beneficiary.',
      )
      .option('--every <period>', 'day, week, or never', readPeriod)
      .option('--least <MYST>', 'less than this waits for the next time', readMyst)
      .option('--accountant <address>', 'this accountant (default: the first of the network)', readAddress)
      .action(bind(payout)),
    'myst payout --every week --least 1',
    'myst payout',
  )
  withExample(
    program
      .command('settlements')
      .summary('what accountants have paid on chain')
      .description(
        'Lists what accountants have paid on chain, newest first. Pending: a reorganisation may still take it back.',
      )
      .option('--limit <count>', 'so many', readLimit, '20')
      .option('--cursor <cursor>', 'from where another page ended')
      .action(bind(settlements)),
    'myst settlements',
  )
}
