/**
 * One command against the ledger: a pure step, without clock, chance, keys or disk.
 *
 * @module
 */

import type { Crypto } from '@myst/protocol'
import type { Decision } from './answer.ts'
import type { LedgerCommand } from './commands.ts'
import { type ExchangeResult, exchangeBatch } from './exchange-batch.ts'
import { orderPayout } from './order-payout.ts'
import type { LedgerDraft } from './records.ts'
import { revealPreimage } from './reveal-preimage.ts'

/** What each kind of command comes to. */
export interface LedgerResults {
  exchange: ExchangeResult
  /** False where the preimage opens no lock that waits for it. */
  reveal: boolean
  /** False where nobody has credit under this name: a stranger fills no ledger. */
  'order-payout': boolean
}

/** The result, or an answer that must be signed to become one. */
export type Outcome = { readonly result: LedgerResults[LedgerCommand['kind']] } | { readonly decision: Decision }

export function applyCommand(draft: LedgerDraft, crypto: Crypto, command: LedgerCommand): Outcome {
  switch (command.kind) {
    case 'exchange':
      return exchangeBatch(draft, crypto, command)
    case 'reveal':
      return { result: revealPreimage(draft, crypto, command.provider, command.preimage) }
    case 'order-payout':
      return { result: orderPayout(draft, command.provider, command.order) }
  }
}
