/**
 * What a plan of bounties is on the wire: rows and the time of the plan. Its id is the hash of these bytes, so a plan that was
 * changed is another plan.
 *
 * @module
 */

import {
  address,
  type Bytes32,
  type Crypto,
  encodeMessage,
  field,
  list,
  message,
  toHex,
  uint,
  type ValueOfSchema,
} from '@myst/protocol'

/** Sixteen groups of the ledger: some seconds. */
export const maxPlanRows = 4096
/** A row takes 60 bytes at most. */
export const maxPlanBytes = 256 << 10

export const bountyPlanSchema = message({
  /** Two plans with the same rows are two. */
  atMs: field(0, uint(53)),
  rows: field(1, list(message({ provider: field(0, address), amount: field(1, uint(256)) }), maxPlanRows)),
})
export type BountyGrants = ValueOfSchema<typeof bountyPlanSchema>

export const planIdOf = (crypto: Crypto, plan: BountyGrants): Bytes32 =>
  toHex(crypto.keccak256(encodeMessage(bountyPlanSchema, plan)))

/** Each provider once, and something for each. */
export const isWellFormed = ({ rows }: BountyGrants): boolean =>
  rows.length > 0 &&
  rows.every(({ amount }) => amount > 0n) &&
  new Set(rows.map((row) => row.provider)).size === rows.length
