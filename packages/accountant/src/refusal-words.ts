/**
 * Refusals of the HTTP interface in words, for who reads them without a program.
 *
 * @module
 */

import type { PayoutRefusal, RequestRefusal } from '@myst/protocol'
import type { BountyRefusal } from './bounty-desk.ts'

export const payoutWords = {
  'payout-provider-unknown': 'Nothing was credited to this provider yet.',
  'payout-least-too-low': 'The least amount is below what this accountant pays out at once.',
  'payout-wish-missing': 'The contract has not heard this wish. Send it along, signed, or send it to the contract.',
  'payout-wish-expired': 'The deadline of the signed wish is over. Sign it anew.',
  'payout-wish-wrong-signer': 'The wish is not signed by this provider.',
} as const satisfies Record<PayoutRefusal['code'], string>

export const bountyWords = {
  'bounty-stranger': 'Nothing was ever promised to this provider.',
  'bounty-chain-unseen': 'The chain has not been read yet; again in a minute.',
  'bounty-uncovered': 'What is spare does not cover the plan. Send MYST to the contract, or plan less.',
} as const satisfies Record<BountyRefusal['code'], string>

/** Of a request that must be signed; all are 401. */
export const requestCodes = [
  'request-unsigned',
  'request-malformed',
  'request-stale',
  'request-for-other',
  'request-wrong-signer',
] as const satisfies readonly RequestRefusal['code'][]
