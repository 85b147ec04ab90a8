/**
 * What the accountant owes and what stands behind it, for everybody to read. Amounts are decimal strings of base units.
 *
 * @module
 */

import type { Address } from '@myst/protocol'
import { wordsOf } from './alarm-words.ts'
import type { Treasurer, TreasuryFigures } from './treasurer.ts'
import { type AlarmInForce, missingOf, spareOf } from './treasurer-rules.ts'

export interface SolvencyPlace {
  readonly accountant: Address
  readonly operator: Address
  readonly chainId: bigint
  readonly confirmationDepth: number
}

export type SolvencyReport = ReturnType<typeof reportSolvency>

/** @returns undefined before the chain was seen for the first time. */
export const solvencyOf = (treasurer: Treasurer, place: SolvencyPlace): SolvencyReport | undefined => {
  const figures = treasurer.figures()
  return figures && reportSolvency(figures, treasurer.alarms(), place)
}

export function reportSolvency(
  { chain, ledger, atMs }: TreasuryFigures,
  alarms: readonly AlarmInForce[],
  { accountant, operator, chainId, confirmationDepth }: SolvencyPlace,
) {
  const { block, withdrawal } = chain
  const owed = ledger.unsettled + ledger.bountiesPending
  const covered = chain.freeFunds + ledger.guaranteedUnsettled + ledger.collectable
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    accountant,
    operator,
    chainId: String(chainId),
    /** All figures of the chain are of this block; the ledger was summed up just after it was read. */
    block: {
      number: String(block.number),
      hash: block.hash,
      time: time(Number(block.timestampS) * 1000),
      depth: confirmationDepth,
    },
    summedAt: time(atMs),
    /** Whether what is owed is covered, what becomes known with its preimage included. */
    solvent: owed <= covered + ledger.open,
    providers: {
      count: ledger.providers,
      promised: String(ledger.promised),
      settled: String(ledger.settled),
      unsettled: String(ledger.unsettled),
      largestUnsettled: String(ledger.largest?.unsettled ?? 0n),
      guaranteed: String(chain.totalGuarantee),
      /** Granted, and not promised yet. */
      bounties: String(ledger.bountiesPending),
    },
    cover: {
      freeFunds: String(chain.freeFunds),
      /** Each guarantee up to what its provider is owed: it pays nobody else. */
      guarantees: String(ledger.guaranteedUnsettled),
      collectable: String(ledger.collectable),
      covered: String(covered),
      /** Credited, and its preimage not shown yet: whoever settles it shows it. */
      open: String(ledger.open),
    },
    channels: {
      count: ledger.channels,
      credited: String(ledger.credited),
      collected: String(ledger.collected),
      collectable: String(ledger.collectable),
      open: String(ledger.open),
    },
    contract: {
      balance: String(chain.balance),
      operatorStake: String(chain.operatorStake),
      reserve: String(chain.reserve),
      stakes: String(chain.totalStake),
      guarantees: String(chain.totalGuarantee),
      missing: String(missingOf(chain)),
      spare: String(spareOf(chain)),
      ...(chain.punishedSinceS === 0n ? {} : { punishedSince: time(Number(chain.punishedSinceS) * 1000) }),
      ...(withdrawal.amount === 0n
        ? {}
        : { withdrawal: { amount: String(withdrawal.amount), due: time(Number(withdrawal.dueAtS) * 1000) } }),
    },
    alarms: alarms.map((alarm) => ({
      code: alarm.code,
      since: time(alarm.sinceMs),
      message: wordsOf(alarm, { accountant, operator }),
      ...(alarm.send === undefined ? {} : { send: { amount: String(alarm.send.amount), coin: alarm.send.coin } }),
    })),
  }
}
