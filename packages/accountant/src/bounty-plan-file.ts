/**
 * A plan of bounties as a file: the rows that are granted, and what each provider had been credited, so that the next plan can
 * count from here.
 *
 * @module
 */

import { type Address, type Bytes32, type Crypto, isAddress, parseBaseUnits } from '@myst/protocol'
import { type BountyGrants, isWellFormed, maxPlanRows, planIdOf } from './bounty-grant.ts'
import type { Proven } from './bounty-plan.ts'

/** Amounts are decimal strings of base units. */
export interface PlanFile {
  readonly id: Bytes32
  readonly accountant: Address
  /** When it was made, and the plan it counts from; ISO 8601. */
  readonly at: string
  readonly since?: string
  readonly budget: string
  readonly ofFees: number
  /** In the period: credited to all providers, and the fees on it. */
  readonly credited: string
  readonly fees: string
  readonly sum: string
  readonly rows: readonly { readonly provider: Address; readonly credited: string; readonly bounty: string }[]
  /** Up to this plan. */
  readonly proven: {
    readonly credited: string
    readonly fees: string
    readonly providers: Readonly<Record<Address, string>>
  }
}

export const grantsOf = ({ at, rows }: Pick<PlanFile, 'at' | 'rows'>): BountyGrants => ({
  atMs: BigInt(Date.parse(at)),
  rows: rows.map(({ provider, bounty }) => ({ provider, amount: BigInt(bounty) })),
})

export const provenOf = ({ proven }: PlanFile): Proven => ({
  credited: BigInt(proven.credited),
  fees: BigInt(proven.fees),
  providers: new Map(Object.entries(proven.providers).map(([of, sum]) => [of as Address, BigInt(sum)])),
})

/** @returns why it can't be used, where it can't. */
export function readPlan(crypto: Crypto, text: string): PlanFile | { readonly why: string } {
  let plan: PlanFile
  try {
    plan = JSON.parse(text)
  } catch {
    return { why: 'it is no JSON' }
  }
  const { rows, proven } = Object(plan) as Partial<PlanFile>
  const { credited, fees, providers } = Object(proven) as Partial<PlanFile['proven']>
  const known = Object.entries(Object(providers))
  const isPlan =
    isAddress(plan?.accountant) &&
    Date.parse(plan.at) >= 0 &&
    Array.isArray(rows) &&
    rows.length <= maxPlanRows &&
    rows.every((row) => isAddress(row?.provider) && isAmount(row.bounty)) &&
    [credited, fees].every(isAmount) &&
    known.every(([of, sum]) => isAddress(of) && isAmount(sum))
  if (!isPlan) return { why: 'it is no plan of bounties' }
  const grants = grantsOf(plan)
  if (rows.length > 0 && !isWellFormed(grants)) return { why: 'a provider is in it twice, or with nothing' }
  return planIdOf(crypto, grants) === plan.id ? plan : { why: 'it was changed: its id is not that of its rows' }
}

const isAmount = (value: unknown): boolean => parseBaseUnits(value).ok
