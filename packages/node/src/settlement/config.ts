/**
 * What a person may say about settling; `docs/operating/node.md` has it in words.
 *
 * @module
 */

import { defaultSettlerPolicy, type SettlerPolicy } from '@myst/payments'
import type { Address } from '@myst/protocol'

export interface SettlementConfig extends SettlerPolicy {
  /** False: settled is only what somebody asks for. */
  readonly automatic: boolean
  /** Who is paid; by default the identity's registered beneficiary. */
  readonly beneficiary: Address
}

/** Amounts are multiplied by the network's price scale, unless they are given. */
export function settlementOptions(scale: bigint, given: Partial<SettlementConfig> = {}) {
  const { automatic = true, beneficiary, ...changes } = given
  const { allowance, always, whenCheap, cheapPercent, maxAgeMs } = defaultSettlerPolicy
  const policy: SettlerPolicy = {
    allowance: allowance * scale,
    always: always * scale,
    whenCheap: whenCheap * scale,
    cheapPercent,
    maxAgeMs,
    ...changes,
  }
  return { automatic, policy, to: beneficiary === undefined ? {} : { beneficiary } }
}
