/**
 * Who sells what: the proposals that the full nodes hold.
 *
 * @module
 */

import type { DiscoveryClient } from '@myst/discovery'
import { type Address, Fault, type Price, type Proposal } from '@myst/protocol'
import type { ProposalFilter, ProposalView } from './node-core.ts'

export async function findProposals(
  discovery: Pick<DiscoveryClient, 'list'>,
  { country, serviceType, provider }: ProposalFilter = {},
): Promise<readonly Proposal[]> {
  const { proposals } = await discovery.list({
    ...(country === undefined ? {} : { country }),
    ...(serviceType === undefined ? {} : { serviceType }),
  })
  return proposals
    .map(({ proposal }) => proposal)
    .filter((proposal) => provider === undefined || proposal.provider === provider)
}

/** @returns the cheapest that takes this accountant's promises. @throws Fault `no-provider-found`. */
export async function findCheapest(
  discovery: Pick<DiscoveryClient, 'list'>,
  filter: ProposalFilter,
  accountant: Address,
): Promise<Proposal> {
  const usable = (await findProposals(discovery, filter)).filter(({ accountants }) => accountants.includes(accountant))
  const [cheapest] = usable.toSorted((a, b) => (a.price.perGib < b.price.perGib ? -1 : 1))
  if (cheapest !== undefined) return cheapest
  const { country, serviceType, provider } = filter
  throw new Fault('no-provider-found', { country, serviceType, provider })
}

export const viewProposal = ({
  provider,
  serviceType,
  location,
  price,
  accountants,
  expiresAtMs,
}: Proposal): ProposalView => ({
  provider,
  serviceType,
  country: location.country,
  price,
  accountants,
  expiresAtMs: Number(expiresAtMs),
})

/** The default price of `payments.md` §3, times the network's scale. */
export const defaultPrice = (scale: bigint): Price => ({
  perHour: 60_000_000_000_000n * scale,
  perGib: 100_000_000_000_000_000n * scale,
})
