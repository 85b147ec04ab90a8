/**
 * What the ledger remembers of bounties.
 *
 * @module
 */

import { type Address, address, type Bytes32, bytes32, field, message, uint, type ValueOfSchema } from '@myst/protocol'

/** Of one provider. What is granted and not credited goes into its next promise. */
export const bountyAccountSchema = message({
  granted: field(0, uint(256)),
  /** After a restore it may be more than is known to be granted: then a grant that is repeated adds nothing. */
  credited: field(1, uint(256)),
})
export type BountyAccount = ValueOfSchema<typeof bountyAccountSchema>
export const noBounties: BountyAccount = { granted: 0n, credited: 0n }

export const pendingBounty = ({ granted, credited }: BountyAccount = noBounties): bigint =>
  granted > credited ? granted - credited : 0n

/** One row of a plan, so that the same plan grants it once. */
export const bountyGrantSchema = message({ amount: field(0, uint(256)) })
export type BountyGrant = ValueOfSchema<typeof bountyGrantSchema>
export const grantKeyOf = (plan: Bytes32, provider: Address): string => `${plan}/${provider}`

export const grantBountySchema = message({
  /** keccak256 of the whole plan. */
  plan: field(0, bytes32),
  provider: field(1, address),
  amount: field(2, uint(256)),
})
export type GrantBountyCommand = ValueOfSchema<typeof grantBountySchema>
