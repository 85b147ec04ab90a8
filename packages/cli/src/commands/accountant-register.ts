/**
 * `myst accountant register`: an accountant's contract, with its stake, and its entry in the network's profile.
 *
 * @module
 */

import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Fault, isAddress } from '@myst/api'
import { type Command, InvalidArgumentError } from 'commander'
import { readFeeRate, readMyst, readRpcUrl, readServiceUrl } from '../arguments.ts'
import { askYes } from '../ask-yes.ts'
import type { Action } from '../command.ts'
import type { Context } from '../context.ts'
import { type AccountantFields, type AccountantPlanJson, askContracts } from '../contracts-program.ts'
import { followContracts } from '../contracts-progress.ts'
import { secretsOf } from '../contracts-secrets.ts'
import { amountText } from '../contracts-text.ts'
import type { Paint } from '../shell.ts'
import { renderFields } from '../table.ts'
import { coinText } from '../wording.ts'

export interface RegisterOptions {
  readonly network?: string
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly operator: string
  readonly url: string
  readonly feeRate: string
  readonly stake?: string
  readonly rpc?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export const register: Action<[RegisterOptions]> = async (context, options) => {
  const { shell, json, paint, progress } = context
  const fields = await fieldsOf(context, options)
  const plan = await progress('Asking the chain', askContracts({ ask: 'plan-accountant', ...fields }))
  if (options.dryRun === true) return { json: plan, text: [planText(plan, paint), 'Nothing was sent.'].join('\n\n') }
  if (!json) shell.stderr.write(`${planText(plan, paint)}\n\n`)
  requireMeans(plan)
  const toSend = plan.steps.some(({ done }) => !done)
  if (toSend && options.yes !== true) await agree(context, plan)
  const secrets = toSend ? await secretsOf(context, options) : {}
  const following = followContracts(context)
  try {
    const question = { ask: 'register-accountant', ...fields, maxFeePerGas: plan.fees.most, ...secrets } as const
    const entered = await askContracts(question, following.onEvent)
    return { json: entered, text: enteredText(entered, paint) }
  } finally {
    following.end()
  }
}

async function fieldsOf({ dataDir }: Context, options: RegisterOptions): Promise<AccountantFields> {
  const { network, keystore, operator, url, feeRate, stake, rpc } = options
  if (network === undefined) throw new InvalidArgumentError('Name the network: --network oxford.network.json')
  return {
    network: resolve(network),
    dataDir,
    operator: await readOperator(operator),
    url,
    feeRate,
    ...(keystore === undefined ? {} : { keystore: resolve(keystore) }),
    ...(stake === undefined ? {} : { stake }),
    ...(rpc === undefined ? {} : { rpcUrl: rpc }),
  }
}

async function readOperator(text: string): Promise<string> {
  const address = text.toLowerCase()
  if (isAddress(address)) return address
  await access(text).catch(() => {
    throw new InvalidArgumentError('The operator is 0x and 40 hex digits, or the keystore file of its key.')
  })
  return resolve(text)
}

function requireMeans({ owner: address, chainId, balance, needed, missing, held, missingStake }: AccountantPlanJson) {
  if (missing !== '0') throw new Fault('deployer-underfunded', { address, chainId, balance, needed, missing })
  if (missingStake !== '0') throw new Fault('stake-missing', { address, held, missing: missingStake })
}

async function agree({ shell, json }: Context, { chainId }: AccountantPlanJson): Promise<void> {
  if (json) throw new Fault('confirmation-missing')
  if (!(await askYes(shell, `Register this on chain ${chainId}?`))) throw new Fault('confirmation-refused')
}

function planText(plan: AccountantPlanJson, paint: Paint): string {
  const { networkId, chainId, owner, operator, accountant, stake, decimals, held, feeRate, url, profile } = plan
  const there = plan.steps.every(({ done }) => done)
  const stakeText = `${amountText(stake, decimals)} MYST of the owner's, who has ${amountText(held, decimals)}`
  return [
    `Accountant ${paint('bold', accountant)} of network ${paint('bold', networkId)} on chain ${paint('bold', chainId)}`,
    renderFields(paint, [
      ['owner', `${owner}, which withdraws, sets the fee, replaces the operator, and closes`],
      ['operator', `${operator}, which signs promises`],
      ['stake', there ? 'is there' : stakeText],
      ['fee', `${Number(feeRate) / 100} % of what providers earn; a change takes notice`],
      ['url', url],
      ['costs', there ? 'nothing: it is registered' : costText(plan)],
      ['profile', profile.entered ? `${profile.path}, which names it already` : `${profile.path} gets its entry`],
    ]),
  ].join('\n\n')
}

const costText = ({ needed, balance }: AccountantPlanJson): string =>
  `${coinText(needed, 'up')} of the chain's coin at most, and the owner has ${coinText(balance, 'down')}`

function enteredText({ accountant, profile, operator }: AccountantPlanJson, paint: Paint): string {
  return [
    `${paint('green', 'Registered')}: accountant ${paint('bold', accountant)}; ${profile.path} names it.`,
    `Next: some of the chain's coin for ${operator}, and on its machine: myst accountant --network ${profile.path}`,
  ].join('\n')
}

/** Those that `myst accountant` has too are taken by it, wherever they stand. */
export const registerCommand = (group: Command): Command =>
  group
    .command('register')
    .summary('register a contract of your own, with its stake, and enter it in the profile')
    .description(
      "Puts an accountant's contract on chain, with a stake of its owner's, and enters it in the network's profile. It shows what that costs and asks before it sends anything. It can be stopped at any moment: the same command goes on where the chain stands.",
    )
    .option('--network <profile.json>', 'the network, whose profile gets the entry')
    .requiredOption('--operator <address|file>', 'whose promises bind it: an address, or a keystore file of the key')
    .requiredOption('--url <url>', 'where providers will reach it', readServiceUrl)
    .option('--fee-rate <percent>', 'of what providers earn, 50% at most', readFeeRate, '300')
    .option('--stake <MYST>', 'what it has to lose (default: the least that the network takes)', readMyst)
    .option('--keystore <file>', "the owner's key (default: the identity of the data directory)")
    .option('--passphrase-file <file>', 'its passphrase (default: MYST_PASSPHRASE, or it is asked for)')
    .option('--rpc <url>', 'a blockchain node that you trust (default: the first one in the profile)', readRpcUrl)
    .option('--dry-run', 'show what it would do and cost, and send nothing')
    .option('-y, --yes', 'do not ask')
