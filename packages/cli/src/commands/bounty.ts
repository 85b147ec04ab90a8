/**
 * `myst bounty`: the operator of an accountant rewards providers for what consumers signed for.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Address, Fault } from '@myst/api'
import type { Answer } from '../answer.ts'
import { readAddress, readMyst, readPercent } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { askProgram } from '../ledger-program.ts'
import { renderTable } from '../table.ts'
import { mystText } from '../wording.ts'

interface PlanOptions {
  readonly budget: string
  readonly ofFees: number
  readonly least: string
  readonly most?: string
  readonly only?: readonly Address[]
  readonly since?: string
  readonly out?: string
}

interface Plan {
  readonly id: string
  readonly since?: string
  readonly credited: string
  readonly fees: string
  readonly sum: string
  readonly ofFees: number
  readonly rows: readonly { readonly provider: Address; readonly credited: string; readonly bounty: string }[]
}

interface Granted {
  readonly plan: string
  readonly granted: number
  readonly amount: string
  readonly known: number
}

interface Standings {
  readonly providers: readonly ({ readonly provider: Address } & Readonly<
    Record<'proven' | 'granted' | 'credited' | 'pending', string>
  >)[]
}

type ConfigOf = (context: Context) => string

async function plan(context: Context, configPath: string, { out, since, ...asked }: PlanOptions): Promise<Answer> {
  const terms = { ...asked, ...(since === undefined ? {} : { since: resolve(since) }) }
  const json = await askProgram<Plan>('accountant-bounty', configPath, 'plan', JSON.stringify(terms))
  if (out !== undefined) await writePlan(resolve(out), json)
  return { json, text: planText(context, json, out) }
}

/** Never over a plan that may have been granted. */
async function writePlan(path: string, json: Plan): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(json, undefined, 2)}\n`, { flag: 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw code === 'EEXIST'
      ? new Fault('file-exists', { path })
      : new Fault('file-unwritable', { path, why: code }, { cause })
  }
}

function planText({ paint }: Context, { since, credited, fees, sum, ofFees, rows }: Plan, out?: string): string {
  const period = since === undefined ? 'ever since' : `since ${since}`
  const basis = `Credited ${period}: ${mystText(credited)}, with ${mystText(fees)} of fees.`
  if (rows.length === 0) return `${basis}\nNobody gets a bounty: there is at most ${ofFees} % of the fees to give.`
  const shown = rows.map((row) => [row.provider, mystText(row.credited), paint('bold', mystText(row.bounty))])
  const farmed = 'A provider that pays itself gets more than the fees that costs it, and nobody can tell.'
  return [
    renderTable(paint, ['provider', 'credited', 'bounty'], shown),
    '',
    `${basis} Planned: ${mystText(sum)} for ${rows.length}, nothing is granted yet.`,
    ...(ofFees > 100 ? [paint('yellow', farmed)] : []),
    out === undefined ? 'Write it to a file with --out.' : `Grant it: myst bounty grant ${out}`,
  ].join('\n')
}

async function grant(_: Context, configPath: string, file: string): Promise<Answer> {
  const json = await askProgram<Granted>('accountant-bounty', configPath, 'grant', resolve(file))
  const before = json.known === 0 ? '' : ` ${json.known} had theirs from this plan before.`
  return { json, text: `Granted: ${mystText(json.amount)} for ${json.granted}.${before} It is in their next promises.` }
}

async function list({ paint }: Context, configPath: string): Promise<Answer> {
  const { providers } = await askProgram<Standings>('accountant-bounty', configPath, 'list')
  const given = providers.filter(({ granted, credited }) => granted !== '0' || credited !== '0')
  const json = { bounties: given.map(({ proven: _, ...bounty }) => bounty) }
  if (given.length === 0) return { json, text: 'No bounty was granted yet.' }
  const rows = given.map(({ provider, ...of }) => [provider, ...[of.granted, of.credited, of.pending].map(mystText)])
  return { json, text: renderTable(paint, ['provider', 'granted', 'credited', 'pending'], rows) }
}

const collect = (one: string, before: readonly Address[] = []): readonly Address[] => [...before, readAddress(one)]

export const registerBounty: Register = (program, bind) => {
  const command = program
    .command('bounty')
    .summary('an accountant rewards providers for proven sessions')
    .description(
      'Rewards providers for what consumers signed for. A bounty is money of the accountant: it is granted by its operator, goes into the provider’s next promise, and is settled like earnings. The accountant must run.',
    )
    .option('--config <accountant.json>', 'its configuration (default: the one of the data directory)')
  const configOf: ConfigOf = ({ dataDir }) => {
    const { config } = command.opts<{ readonly config?: string }>()
    return resolve(config ?? join(dataDir, 'accountant.json'))
  }
  const planning: Action<[PlanOptions]> = (context, options) => plan(context, configOf(context), options)
  command
    .command('plan')
    .summary('share a budget among providers; nothing is granted yet')
    .description(
      'Shares a budget in proportion to what providers were credited, and gives each at most what its earnings brought in fees: a provider that pays itself then gains nothing by it.',
    )
    .requiredOption('--budget <MYST>', 'all that is given, at most', readMyst)
    .option('--of-fees <percent>', 'the most for a provider, of the fees that its earnings brought', readPercent, 100)
    .option('--since <plan.json>', 'count from where this plan ended (default: from the beginning)')
    .option('--most <MYST>', 'the most for one provider', readMyst)
    .option('--least <MYST>', 'who would get less gets nothing', readMyst, '0')
    .option('--only <address>', 'this provider only; may be repeated', collect)
    .option('--out <plan.json>', 'where the plan goes; never over a file that is there')
    .action(bind(planning))
  command
    .command('grant')
    .summary('grant what was planned; the same plan again grants nothing twice')
    .argument('<plan.json>', 'what "myst bounty plan --out" wrote')
    .action(bind((context, file: string) => grant(context, configOf(context), file)))
  command
    .command('list')
    .summary('what was granted, what is in promises, and what is pending')
    .action(bind((context: Context) => list(context, configOf(context))))
  withExample(
    command,
    'myst bounty plan --budget 100 --out november.json',
    'myst bounty grant november.json',
    'myst bounty list',
    'myst bounty plan --budget 100 --since november.json --out december.json',
  )
}
