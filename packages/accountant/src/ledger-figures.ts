/**
 * Sums over the ledger beside the chain: what was promised, what covers it, what can be collected.
 *
 * One walk over all accounts in small pieces. Nothing waits for it, and the figures are of the second in which it ran.
 *
 * @module
 */

import type { Address, PayoutOrder } from '@myst/protocol'
import type { ChainBook } from './chain-book.ts'
import { creditedSum, type Ledger, noBounties, pendingBounty, revealedOf, totalsKey } from './ledger/index.ts'
import { unhurried } from './rounds.ts'

/** MYST base units. */
export interface LedgerFigures {
  readonly providers: number
  readonly channels: number
  /** All that providers were promised so far, and what they were paid of it. */
  readonly promised: bigint
  readonly settled: bigint
  /** Promised and not paid. */
  readonly unsettled: bigint
  /** Of it, what the provider's own guarantee would pay. */
  readonly guaranteedUnsettled: bigint
  /** Who could settle most at once. */
  readonly largest: { readonly provider: Address; readonly unsettled: bigint } | undefined
  /** Taken over from consumers' channels, fees included. */
  readonly credited: bigint
  /** Of it, what channels have paid on chain. */
  readonly collected: bigint
  /** Promised by consumers, preimage known, not collected. */
  readonly collectable: bigint
  /** Credited, preimage unknown: its provider cannot have settled it without showing that. */
  readonly open: bigint
  /** All bounties that were ever granted, and what of them no promise holds yet. */
  readonly bountiesGranted: bigint
  readonly bountiesPending: bigint
}

export interface Payable {
  readonly provider: Address
  readonly order: PayoutOrder
  /** All that may be paid out so far. */
  readonly revealed: bigint
}

export async function sumLedger(
  ledger: Pick<Ledger, 'entries' | 'get'>,
  chain: Pick<ChainBook, 'provider' | 'settledOf'>,
): Promise<LedgerFigures> {
  // First, so that one that is promised meanwhile is counted twice rather than not at all.
  const { granted: bountiesGranted } = ledger.get('totals', totalsKey)?.bounties ?? noBounties
  let bountiesPending = 0n
  for await (const some of unhurried(ledger.entries('bounties'))) {
    for (const [, account] of some) bountiesPending += pendingBounty(account)
  }
  const sums = { promised: 0n, settled: 0n, unsettled: 0n, guaranteedUnsettled: 0n }
  let largest: LedgerFigures['largest']
  let providers = 0
  for await (const some of unhurried(ledger.entries('providers'))) {
    for (const [key, { promise }] of some) {
      const { settled = 0n, guarantee = 0n } = chain.provider(key as Address) ?? {}
      const unsettled = promise.amount > settled ? promise.amount - settled : 0n
      providers += 1
      sums.promised += promise.amount
      sums.settled += settled
      sums.unsettled += unsettled
      sums.guaranteedUnsettled += unsettled < guarantee ? unsettled : guarantee
      if (unsettled > (largest?.unsettled ?? 0n)) largest = { provider: key as Address, unsettled }
    }
  }
  const taken = { credited: 0n, collected: 0n, collectable: 0n, open: 0n }
  let channels = 0
  for await (const some of unhurried(ledger.entries('channels'))) {
    for (const [key, account] of some) {
      const settled = chain.settledOf(key as Address)
      const revealed = account.collectable?.signed.promise.amount ?? 0n
      const credited = creditedSum(account)
      channels += 1
      taken.credited += credited
      taken.collected += settled
      taken.collectable += revealed > settled ? revealed - settled : 0n
      taken.open += credited - account.revealedSum
    }
  }
  return { providers, channels, ...sums, largest, ...taken, bountiesGranted, bountiesPending }
}

/** Those who asked to be paid on schedule. */
export function* payables(ledger: Pick<Ledger, 'entries' | 'get'>): Generator<Payable> {
  for (const [key, order] of ledger.entries('payouts')) {
    const account = order.every === 'never' ? undefined : ledger.get('providers', key)
    if (account !== undefined) yield { provider: key as Address, order, revealed: revealedOf(account) }
  }
}
