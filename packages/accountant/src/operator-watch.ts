/**
 * Ends a process whose key the contract no longer knows as the operator's: what it would sign from then on is paid from
 * guarantees only. Started anew it finds out with which of its keys it signs.
 *
 * @module
 */

import { type Address, Fault } from '@myst/protocol'

export interface OperatorWatchDeps {
  /** @throws Fault `chain-unreachable`. */
  readonly readOperator: () => Promise<Address>
  readonly onRotated: (fault: Fault) => void
  readonly onFault: (fault: Fault) => void
}

export function watchOperator(
  deps: OperatorWatchDeps,
  { operator, everyMs }: { readonly operator: Address; readonly everyMs: number },
): { close(): Promise<void> } {
  let last: Promise<void> | undefined
  async function look(): Promise<void> {
    try {
      const registered = await deps.readOperator()
      if (registered === operator) return
      clearInterval(timer)
      deps.onRotated(new Fault('operator-rotated', { signed: operator, registered }))
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      deps.onFault(fault)
    } finally {
      last = undefined
    }
  }
  const timer = setInterval(() => {
    last ??= look()
  }, everyMs)
  return {
    async close() {
      clearInterval(timer)
      await last
    },
  }
}
