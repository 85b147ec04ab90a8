/**
 * Bounty desk: grants what the operator planned, as far as money that is spare covers it, and shows what was proven and given.
 *
 * Nothing of a bounty is collected from any channel: it is the accountant's own money, so it must be there.
 *
 * @module
 */

import { type Address, accept, type Bytes32, type Crypto, minOf, refuse, type Verdict } from '@myst/protocol'
import { type BountyGrants, planIdOf } from './bounty-grant.ts'
import { grantKeyOf, type Ledger, noBounties, noTotals, pendingBounty, totalsKey } from './ledger/index.ts'
import { unhurried } from './rounds.ts'
import type { Treasurer, TreasuryFigures } from './treasurer.ts'
import { spareOf } from './treasurer-rules.ts'

/** In the order of the checks. Nothing of the plan is granted. */
export type BountyRefusal =
  | { readonly code: 'bounty-stranger'; readonly provider: Address }
  | { readonly code: 'bounty-chain-unseen' }
  | { readonly code: 'bounty-uncovered'; readonly asked: bigint; readonly spare: bigint }

export interface Granted {
  readonly plan: Bytes32
  /** Rows that were granted now, and what they come to. */
  readonly granted: number
  readonly amount: bigint
  /** Rows of this plan that were granted before. */
  readonly known: number
}

export interface BountyStanding {
  readonly provider: Address
  /** Credited for promises that consumers signed, less fees, ever since. */
  readonly proven: bigint
  readonly granted: bigint
  readonly credited: bigint
  readonly pending: bigint
}

export interface BountyStandings {
  /** Over all providers: what was credited for consumers' promises, and the fees that were kept of them. */
  readonly credited: bigint
  readonly fees: bigint
  /** Those of whom there is something to say. */
  readonly providers: readonly BountyStanding[]
}

export interface BountyDesk {
  standings(): Promise<BountyStandings>
  /** @param plan well formed. */
  grant(plan: BountyGrants): Promise<Verdict<BountyRefusal, Granted>>
}

/** A group of the ledger. */
const rowsAtOnce = 256

export function createBountyDesk(
  crypto: Crypto,
  ledger: Pick<Ledger, 'get' | 'entries' | 'apply'>,
  treasurer: Pick<Treasurer, 'figures'>,
): BountyDesk {
  const totals = () => ledger.get('totals', totalsKey) ?? noTotals
  const grantedSum = () => (totals().bounties ?? noBounties).granted
  /** One plan at a time: each is covered by what the ones before it left. */
  let last: Promise<unknown> = Promise.resolve()

  async function grantNow(plan: BountyGrants): Promise<Verdict<BountyRefusal, Granted>> {
    const id = planIdOf(crypto, plan)
    const rows = plan.rows.filter(({ provider }) => ledger.get('grants', grantKeyOf(id, provider)) === undefined)
    const amount = rows.reduce((sum, row) => sum + row.amount, 0n)
    const stranger = rows.find(({ provider }) => ledger.get('providers', provider) === undefined)
    if (stranger !== undefined) return refuse({ code: 'bounty-stranger', provider: stranger.provider })
    const figures = treasurer.figures()
    if (figures === undefined) return refuse({ code: 'bounty-chain-unseen' })
    const spare = spareForBounties(figures, grantedSum())
    if (rows.length > 0 && amount > spare) return refuse({ code: 'bounty-uncovered', asked: amount, spare })
    for (let from = 0; from < rows.length; from += rowsAtOnce) {
      const some = rows.slice(from, from + rowsAtOnce)
      await Promise.all(some.map((row) => ledger.apply({ kind: 'grant-bounty', plan: id, ...row })))
    }
    return accept({ plan: id, granted: rows.length, amount, known: plan.rows.length - rows.length })
  }

  return {
    async standings() {
      const providers: BountyStanding[] = []
      for await (const some of unhurried(ledger.entries('providers'))) {
        for (const [key, { promise }] of some) {
          const account = ledger.get('bounties', key) ?? noBounties
          // Of what was lost with a ledger no consumer's promise is there.
          const unproven = account.credited + (ledger.get('losses', key)?.unknown ?? 0n)
          const proven = promise.amount > unproven ? promise.amount - unproven : 0n
          if (proven === 0n && account === noBounties) continue
          providers.push({ provider: key as Address, proven, ...account, pending: pendingBounty(account) })
        }
      }
      const { credited, fees } = totals()
      return { credited, fees, providers }
    },
    grant(plan) {
      const granting = last.then(() => grantNow(plan))
      last = granting.catch(() => {}) // whoever asked hears of it
      return granting
    },
  }
}

/**
 * What is free, and not needed for guarantees or for what is owed beyond what channels and guarantees bring, less the
 * bounties that no promise holds yet. Of channels counts what was credited from them and not collected: what they signed
 * beyond that is for other providers, who have not come with it yet.
 */
export function spareForBounties({ chain, ledger }: TreasuryFigures, grantedSum: bigint): bigint {
  const spare = spareOf(chain)
  const covered = spare + ledger.guaranteedUnsettled + ledger.credited - ledger.collected
  // Those that were granted since the figures were summed up count in full.
  const pending = ledger.bountiesPending + grantedSum - ledger.bountiesGranted
  const left = minOf(spare, covered - ledger.unsettled) - pending
  return left > 0n ? left : 0n
}
