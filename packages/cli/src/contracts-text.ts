/**
 * The contracts of a network as people read them: a plan before it is agreed to, what was deployed, what was verified.
 *
 * @module
 */

import type { ContractsAnswers, DeployedJson, PlanJson, TermsJson, VerifiedJson } from './contracts-program.ts'
import type { Paint } from './shell.ts'
import { renderFields, renderTable } from './table.ts'
import { coinText, delayText, gasText } from './wording.ts'

const termTexts = {
  exitDelay: 'exit delay',
  rateNotice: 'rate notice',
  rotationNotice: 'rotation notice',
  closingDelay: 'closing delay',
} as const

const burnt = `0x${'0'.repeat(40)}`

const proxyNote =
  'This chain lacks the deterministic deployment proxy, through which addresses are the same everywhere. It is put there first, for all who come after too.'

export function planText(plan: PlanJson, paint: Paint): string {
  const { networkId, chainId, deployer, steps } = plan
  const shown = steps.filter(({ name, done }) => name !== 'proxy' || !done)
  const rows = shown.map(({ name, address, done, gas, most }) => [
    paint('bold', name),
    address,
    done ? paint('green', 'there') : `${gasText(gas)} gas`,
    done ? '' : coinText(most, 'up'),
  ])
  return [
    `Network ${paint('bold', networkId)} on chain ${paint('bold', chainId)}, deployed by ${deployer}`,
    renderTable(paint, ['contract', 'address', 'needs', 'costs at most'], rows),
    ...(steps.some(({ name, done }) => name === 'proxy' && !done) ? [proxyNote] : []),
    renderFields(paint, [['token', tokenText(plan)], ...termFields(plan.terms, plan.token.decimals)]),
    renderFields(paint, [...costFields(plan, paint), ['profile', profileText(plan)]]),
    ...hastyText(plan.hastyDelays, paint),
  ].join('\n\n')
}

function costFields(
  { steps, needed, balance, missing }: PlanJson,
  paint: Paint,
): readonly (readonly [string, string])[] {
  if (steps.every(({ done }) => done)) return [['costs', 'nothing: all of it is there']]
  return [
    ['costs', `${paint('bold', coinText(needed, 'up'))} of the chain's coin at most; the rest of it is not spent`],
    [
      'the key has',
      `${coinText(balance, 'down')}${missing === '0' ? '' : paint('yellow', `, and lacks ${coinText(missing, 'up')}`)}`,
    ],
  ]
}

const profileText = ({ profile }: PlanJson): string =>
  profile.kept ? `${profile.path}, which is there and stays as it is` : profile.path

function tokenText({ token, contracts }: PlanJson): string {
  if (token.kind === 'existing') return `${contracts.token}, which is there, with ${token.decimals} decimals`
  if (token.kind === 'test') return 'a test token: anybody draws what it wants'
  return `${amountText(token.supply ?? '0', token.decimals)} MYST, all of it to ${token.holder}; nobody can make more`
}

function termFields(terms: TermsJson, decimals: number): readonly (readonly [string, string])[] {
  const { feeRecipient, registrationFee, minimumOperatorStake } = terms
  const recipient = feeRecipient === burnt ? 'burnt' : `to ${feeRecipient}`
  return [
    [
      'registration fee',
      `${amountText(registrationFee, decimals)} MYST${registrationFee === '0' ? '' : `, ${recipient}`}`,
    ],
    ["operator's stake", `${amountText(minimumOperatorStake, decimals)} MYST at least`],
    ...Object.entries(termTexts).map(
      ([name, text]) => [text, delayText(terms[name as keyof typeof termTexts])] as const,
    ),
  ]
}

/** Base units of a token with `decimals`. */
export function amountText(amount: string, decimals: number): string {
  const digits = amount.padStart(decimals + 1, '0')
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '')
  return `${digits.slice(0, digits.length - decimals)}${decimals === 0 || fraction === '' ? '' : `.${fraction}`}`
}

function hastyText(names: PlanJson['hastyDelays'], paint: Paint): readonly string[] {
  if (names.length === 0) return []
  const listed = names.map((name) => termTexts[name]).join(', ')
  return [
    `${paint('yellow', 'Shorter than usual')}: ${listed}. People have less time to notice, and to leave with their money.`,
  ]
}

export function deployedText({ networkId, chainId, deployedAtBlock, profile }: DeployedJson, paint: Paint) {
  const kept = profile.kept ? 'It was there and stays as it is' : 'Give it to everybody who is to join'
  return [
    `${paint('green', 'Network')} ${paint('bold', networkId)} ${paint('green', `is on chain ${chainId}`)} since block ${deployedAtBlock}; its code and terms are verified.`,
    `Its profile is ${paint('bold', profile.path)}. ${kept}; they check it with: myst contracts verify --network ${profile.path}`,
    '',
    `Next: an accountant: myst accountant register --network ${profile.path}`,
    'then enter a transactor and full nodes in the profile: docs/operating/network.md',
  ].join('\n')
}

export function verifiedText(verified: VerifiedJson, paint: Paint): string {
  const { networkId, chainId, contracts, token, terms, asked } = verified
  const kinds = {
    MystToken: 'MystToken, verified: a fixed supply',
    TestMystToken: 'TestMystToken, verified: anybody draws what it wants, it is worth nothing',
    foreign: `another ERC-20 with ${token.decimals} decimals; trust it as you trust its makers`,
  } as const satisfies Record<ContractsAnswers['verify']['token']['kind'], string>
  return [
    `${paint('green', 'Verified')}: network ${paint('bold', networkId)} on chain ${chainId} is this version of the contracts, with these terms.`,
    renderFields(paint, [
      ['registry', contracts.registry],
      ['channels', contracts.channelImplementation],
      ['accountants', contracts.accountantImplementation],
      ['token', `${contracts.token}  ${kinds[token.kind]}`],
      ...termFields(terms, token.decimals),
    ]),
    ...hastyText(verified.hastyDelays, paint),
    `So says ${asked.rpcUrl}${asked.fromProfile ? ', which the profile names. Ask a node that you trust: --rpc' : '.'}`,
  ].join('\n\n')
}
