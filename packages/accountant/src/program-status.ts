/**
 * What an accountant says of itself, for people: `/v1/status`.
 *
 * @module
 */

import { type ChainClient, reach } from '@myst/chain'
import { accountantAbi } from '@myst/contracts'
import type { Address } from '@myst/protocol'
import type { Collector } from './collector.ts'
import type { ExitHolder } from './exit-holder.ts'
import { type Ledger, noTotals, totalsKey } from './ledger/index.ts'
import { type RecoveryService, recoveryText } from './recovery-service.ts'
import type { Transactions } from './transactions.ts'
import type { Treasurer } from './treasurer.ts'
import type { AlarmCode } from './treasurer-rules.ts'

/** Sums are decimal strings of base units. */
export interface AccountantStatus {
  readonly accountant: Address
  readonly chainId: string
  /** Basis points. */
  readonly feeRate: number
  readonly credited: string
  readonly fees: string
  readonly batches: number
  readonly promises: number
  readonly freeFunds: string
  readonly running: boolean
  readonly operator: Address
  readonly transactions: { readonly underway: number; readonly waiting: number }
  /** Channels whose revealed promises are not settled. */
  readonly collectable: { readonly channels: number }
  readonly holdsMissing: number
  readonly alarms: readonly AlarmCode[]
  /** The ledger was restored from an old backup, and nothing is credited from channels yet. */
  readonly recovering: boolean
  /** Of the newest recovery, where there was one; ISO 8601. */
  readonly recoveryStartedAt?: string
  readonly recoveryEndsAt?: string
  /** Promised to providers for consumers' promises that were lost and not offered again. */
  readonly unknownCredit: string
}

export interface StatusDeps {
  readonly client: ChainClient
  readonly ledger: Pick<Ledger, 'get' | 'running'>
  readonly transactions: Transactions
  readonly collector: Collector
  readonly holder: ExitHolder
  readonly treasurer: Treasurer
  readonly recovery: Pick<RecoveryService, 'status'>
}

export async function readStatus(
  { client, ledger, transactions, collector, holder, treasurer, recovery }: StatusDeps,
  { accountant, feeRate }: { readonly accountant: Address; readonly feeRate: bigint },
): Promise<AccountantStatus> {
  const { rpc, rpcUrl } = client
  const totals = ledger.get('totals', totalsKey) ?? noTotals
  const freeFunds = await reach(rpcUrl, () =>
    rpc.readContract({ address: accountant, abi: accountantAbi, functionName: 'freeFunds' }),
  )
  return {
    accountant,
    chainId: client.chainId.toString(),
    feeRate: Number(feeRate),
    credited: totals.credited.toString(),
    fees: totals.fees.toString(),
    batches: totals.batches,
    promises: totals.promises,
    freeFunds: freeFunds.toString(),
    running: ledger.running,
    operator: transactions.address,
    transactions: { underway: transactions.underway(), waiting: transactions.waiting() },
    collectable: { channels: collector.waiting().count },
    holdsMissing: holder.missing().count,
    alarms: treasurer.alarms().map(({ code }) => code),
    ...recoveryText(recovery.status),
  }
}
