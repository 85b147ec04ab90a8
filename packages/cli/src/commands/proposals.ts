/**
 * `myst proposals`: what there is to buy.
 *
 * @module
 */

import type { Address, ProposalJson } from '@myst/api'
import { readCountry, readIdentity, readServiceType } from '../arguments.ts'
import { type Action, type Register, withExample } from '../command.ts'
import type { Paint } from '../shell.ts'
import { renderTable } from '../table.ts'
import { mystText } from '../wording.ts'

interface ProposalsOptions {
  readonly country?: string
  readonly service?: string
  readonly provider?: Address
}

const proposals: Action<[ProposalsOptions]> = async (context, { country, service, provider }) => {
  const node = await context.node()
  const asked = node.proposals({
    ...(country === undefined ? {} : { country }),
    ...(service === undefined ? {} : { serviceType: service }),
    ...(provider === undefined ? {} : { provider }),
  })
  const answer = await context.progress('Asking the network', asked)
  const sorted = answer.proposals.toSorted(byPrice)
  return { json: { proposals: sorted }, text: proposalsText(sorted, context.paint) }
}

/** The cheapest first: per GiB, then per hour. */
function byPrice({ price: a }: ProposalJson, { price: b }: ProposalJson): number {
  return compare(BigInt(a.perGib), BigInt(b.perGib)) || compare(BigInt(a.perHour), BigInt(b.perHour))
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

function proposalsText(found: readonly ProposalJson[], paint: Paint): string {
  if (found.length === 0) return 'Nobody offers this now.'
  const rows = found.map(({ country, serviceType, price, provider }) => [
    country,
    serviceType,
    mystText(price.perGib),
    mystText(price.perHour),
    provider,
  ])
  return renderTable(paint, ['country', 'service', 'a GiB', 'an hour', 'provider'], rows)
}

export const registerProposals: Register = (program, bind) => {
  const command = program
    .command('proposals')
    .summary('what providers offer')
    .description('Lists what providers offer, the cheapest first.')
    .option('--country <country>', 'two letters', readCountry)
    .option('--service <type>', 'proxy or wireguard', readServiceType)
    .option('--provider <identity>', 'of one provider', readIdentity)
    .action(bind(proposals))
  withExample(command, 'myst proposals --country NL')
}
