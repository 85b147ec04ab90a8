/**
 * Ends a process whose key the contract no longer knows as the operator's: what it would sign from then on is paid from
 * guarantees only. Started anew it finds out with which of its keys it signs.
 *
 * @module
 */

import { type Address, Fault } from '@myst/protocol'
import { createRounds, type Rounds } from './rounds.ts'

export interface OperatorWatchDeps {
  /** @throws Fault `chain-unreachable`. */
  readonly readOperator: () => Promise<Address>
  readonly onRotated: (fault: Fault) => void
  readonly onFault: (fault: Fault) => void
}

export function watchOperator(
  deps: OperatorWatchDeps,
  { operator, everyMs }: { readonly operator: Address; readonly everyMs: number },
): Pick<Rounds, 'close'> {
  let told = false
  async function look(): Promise<void> {
    if (told) return
    const registered = await deps.readOperator()
    if (registered === operator) return
    told = true
    deps.onRotated(new Fault('operator-rotated', { signed: operator, registered }))
  }
  return createRounds(look, everyMs, deps.onFault)
}
