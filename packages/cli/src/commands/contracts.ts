/**
 * `myst contracts`: found a network, or check one that somebody founded.
 *
 * @module
 */

import { type Address, Fault } from '@myst/api'
import { InvalidArgumentError, Option } from 'commander'
import {
  readAddress,
  readChainId,
  readConfirmationDepth,
  readDelay,
  readMyst,
  readNetworkId,
  readRpcUrl,
} from '../arguments.ts'
import { askYes } from '../ask-yes.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Context } from '../context.ts'
import { askContracts, type DeploymentFields, type PlanJson, type TermsJson } from '../contracts-program.ts'
import { followContracts } from '../contracts-progress.ts'
import { secretsOf } from '../contracts-secrets.ts'
import { deployedText, planText, verifiedText } from '../contracts-text.ts'

interface DeployOptions extends Partial<TermsJson> {
  readonly rpc: string
  readonly networkId: string
  readonly chainId?: string
  readonly token?: Address
  readonly tokenSupply?: string
  readonly tokenHolder?: Address
  readonly testToken?: boolean
  readonly publicRpc?: readonly string[]
  readonly confirmationDepth: number
  readonly keystore?: string
  readonly passphraseFile?: string
  readonly out?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const deploy: Action<[DeployOptions]> = async (context, options) => {
  const { shell, json, paint, progress } = context
  if ((options.yes === true || json) && options.chainId === undefined && options.dryRun !== true) {
    throw new InvalidArgumentError('Without a question to answer, name the chain that you mean: --chain-id 137')
  }
  const fields = fieldsOf(context, options)
  const plan = await progress('Asking the chain', askContracts({ ask: 'plan', ...fields }))
  const note = publicRpcNote(fields)
  if (options.dryRun === true) {
    return { json: plan, text: [planText(plan, paint), ...note, 'Nothing was sent.'].join('\n\n') }
  }
  if (!json) shell.stderr.write(`${[planText(plan, paint), ...note].join('\n\n')}\n\n`)
  if (plan.missing !== '0') throw lacking(plan)
  const toSend = plan.steps.some(({ done }) => !done)
  if (toSend && options.yes !== true) await agree(context, plan)

  const secrets = toSend ? await secretsOf(context, options) : {}
  const following = followContracts(context)
  const { chainId, fees } = plan
  try {
    const question = { ask: 'deploy', ...fields, chainId, maxFeePerGas: fees.most, ...secrets } as const
    const deployed = await askContracts(question, following.onEvent)
    return { json: deployed, text: deployedText(deployed, paint) }
  } finally {
    following.end()
  }
}

function lacking({ deployer: address, chainId, balance, needed, missing }: PlanJson): Fault {
  return new Fault('deployer-underfunded', { address, chainId, balance, needed, missing })
}

async function agree({ shell, json }: Context, { chainId }: PlanJson): Promise<void> {
  // A program agrees beforehand: a question would spoil its output.
  if (json) throw new Fault('confirmation-missing')
  if (!(await askYes(shell, `Deploy this on chain ${chainId}?`))) throw new Fault('confirmation-refused')
}

function fieldsOf({ dataDir }: Context, options: DeployOptions): DeploymentFields {
  const { rpc, networkId, chainId, keystore, publicRpc, confirmationDepth } = options
  return {
    rpcUrl: rpc,
    networkId,
    ...(chainId === undefined ? {} : { chainId }),
    token: tokenOf(options),
    terms: termsOf(options),
    ...(keystore === undefined ? {} : { keystore }),
    dataDir,
    out: options.out ?? `${networkId}.network.json`,
    publicRpcUrls: publicRpc ?? (mayBePublished(rpc) ? [rpc] : []),
    confirmationDepth,
  }
}

function tokenOf({ token, tokenSupply, tokenHolder, testToken }: DeployOptions): DeploymentFields['token'] {
  const named = [token, tokenSupply, testToken].filter((choice) => choice !== undefined)
  if (named.length !== 1) {
    throw new InvalidArgumentError('Choose the token: one of --token, --token-supply and --test-token.')
  }
  if (tokenHolder !== undefined && tokenSupply === undefined) {
    throw new InvalidArgumentError('--token-holder goes with --token-supply.')
  }
  if (token !== undefined) return { kind: 'existing', address: token }
  if (tokenSupply === undefined) return { kind: 'test' }
  return { kind: 'fixed', supply: tokenSupply, ...(tokenHolder === undefined ? {} : { holder: tokenHolder }) }
}

const termNames = [
  'feeRecipient',
  'registrationFee',
  'minimumOperatorStake',
  'exitDelay',
  'rateNotice',
  'rotationNotice',
  'closingDelay',
] as const satisfies readonly (keyof TermsJson)[]

const termsOf = (options: DeployOptions): Partial<TermsJson> =>
  Object.fromEntries(termNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])))

/** Providers of endpoints put their customer's key into the address; the profile goes to everybody. */
function mayBePublished(rpc: string): boolean {
  const url = URL.parse(rpc)
  if (url === null) return false
  const longParts = url.pathname.split('/').some((part) => part.length >= 20)
  return url.username === '' && url.search === '' && !longParts
}

function publicRpcNote({ publicRpcUrls }: DeploymentFields): readonly string[] {
  if (publicRpcUrls.length > 0) return []
  return [
    'The profile will name no blockchain node: the address given may carry a key of yours. Name public ones with --public-rpc.',
  ]
}

interface VerifyOptions {
  readonly network: string
  readonly rpc?: string
}

const verify: Action<[VerifyOptions]> = async ({ paint, progress }, { network, rpc }) => {
  const question = { ask: 'verify', network, ...(rpc === undefined ? {} : { rpcUrl: rpc }) } as const
  const verified = await progress('Asking the chain', askContracts(question))
  return { json: verified, text: verifiedText(verified, paint) }
}

const deployDescription = [
  "Puts the contracts of a new network on a chain, verifies them, and writes the network's profile.",
  "It shows a plan with all addresses and costs, and asks before it sends anything. The addresses follow from the network's name, the token and the terms alone. It can be stopped at any moment: the same command goes on where the chain stands. Nobody can change the terms afterwards.",
].join('\n\n')

export const registerContracts: Register = (program, bind) => {
  const group = program
    .command('contracts')
    .summary('found a network: deploy its contracts, or verify them')
    .description('Deploys the contracts of a new network, or verifies those of one that somebody founded.')
  const deployCommand = group
    .command('deploy')
    .summary('put the contracts of a new network on a chain')
    .description(deployDescription)
    .requiredOption('--rpc <url>', 'a blockchain node of the chain', readRpcUrl)
    .requiredOption('--network-id <name>', 'the name of the network; its addresses follow from it', readNetworkId)
    .option('--chain-id <id>', 'refuse any other chain; needed with --yes and --json', readChainId)
    .option('--token <address>', 'use this ERC-20, which is there', readAddress)
    .option('--token-supply <MYST>', 'or make a token with this supply, for ever', readMyst)
    .option('--token-holder <address>', 'who gets all of it (default: who deploys)', readAddress)
    .option('--test-token', 'or make one that anybody can draw from, worth nothing')
    .option('--registration-fee <MYST>', 'of each identity, once; 1 at most (default: 0.1)', readMyst)
    .option('--fee-recipient <address>', 'who gets these fees (default: they are burnt)', readAddress)
    .option('--minimum-operator-stake <MYST>', 'what an accountant has at stake, at least (default: 100)', readMyst)
    .option('--exit-delay <delay>', 'from an announced exit to its payment (default: 4d)', readDelay)
    .option('--rate-notice <delay>', "until an accountant's new rate is valid (default: 7d)", readDelay)
    .option('--rotation-notice <delay>', "until an accountant's new key is valid (default: 14d)", readDelay)
    .option('--closing-delay <delay>', 'until a closed accountant takes its money (default: 60d)', readDelay)
    .option('--keystore <file>', 'the key that pays (default: the identity of the data directory)')
    .option('--passphrase-file <file>', 'its passphrase (default: MYST_PASSPHRASE, or it is asked for)')
    .option('--out <profile.json>', 'where the profile goes (default: <network-id>.network.json)')
    .addOption(
      new Option(
        '--public-rpc <url>',
        'a node for all members, into the profile; may be repeated (default: --rpc)',
      ).argParser((text: string, all: readonly string[] = []) => [...all, readRpcUrl(text)]),
    )
    .option('--confirmation-depth <blocks>', 'until money counts, into the profile', readConfirmationDepth, 12)
    .option('--dry-run', 'show the plan and send nothing')
    .option('-y, --yes', 'do not ask')
    .action(bind(deploy))
  withExample(
    deployCommand,
    'myst contracts deploy --rpc http://127.0.0.1:8545 --network-id oxford --test-token --dry-run',
    'myst contracts deploy --rpc https://rpc.example.org --chain-id 137 --network-id oxford --token-supply 1_000_000',
  )
  withExample(
    group
      .command('verify')
      .summary('check the contracts that a profile names')
      .description(
        'Checks the contracts that a network profile names: that their code is the one of this version, and which terms they have.',
      )
      .requiredOption('--network <profile.json>', 'the profile')
      .option('--rpc <url>', 'a blockchain node that you trust (default: the first one in the profile)', readRpcUrl)
      .action(bind(verify)),
    'myst contracts verify --network oxford.network.json --rpc https://rpc.example.org',
  )
  withExample(
    group,
    'myst contracts deploy --rpc http://127.0.0.1:8545 --network-id oxford --test-token --dry-run',
    'myst contracts verify --network oxford.network.json',
  )
}
