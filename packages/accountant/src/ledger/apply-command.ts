/**
 * One command against the ledger: a pure step, without clock, chance, keys or disk.
 *
 * @module
 */

import type { Crypto } from '@myst/protocol'
import { type AdoptResult, adoptBatch } from './adopt-batch.ts'
import { adoptNewest } from './adopt-newest.ts'
import type { Decision } from './answer.ts'
import { type GrantResult, grantBounty } from './bounties.ts'
import type { LedgerCommand } from './commands.ts'
import { type ExchangeResult, exchangeBatch } from './exchange-batch.ts'
import { closeFastExit, type FastExitOutcome, type OpenFastExitResult, openFastExit } from './fast-exit.ts'
import { type AgeResult, age } from './floor.ts'
import { orderPayout } from './order-payout.ts'
import type { LedgerDraft } from './records.ts'
import { beginRecovery, endRecovery } from './recovery.ts'
import { type ResignResult, resignAnswer } from './resign-answer.ts'
import { revealPreimage } from './reveal-preimage.ts'

/** What each kind of command comes to. */
export interface LedgerResults {
  exchange: ExchangeResult
  /** False where the preimage opens no lock that waits for it. */
  reveal: boolean
  /** False where nobody has credit under this name: a stranger fills no ledger. */
  'order-payout': boolean
  'open-fast-exit': OpenFastExitResult
  'close-fast-exit': FastExitOutcome
  age: AgeResult
  resign: ResignResult
  'grant-bounty': GrantResult
  /** True where a recovery begins with it. */
  'begin-recovery': boolean
  /** True where it is over now. */
  'end-recovery': boolean
  adopt: AdoptResult
  'adopt-newest': AdoptResult
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
    case 'open-fast-exit':
      return { result: openFastExit(draft, command) }
    case 'close-fast-exit':
      return { result: closeFastExit(draft, command) }
    case 'age':
      return { result: age(draft, command) }
    case 'resign':
      return resignAnswer(draft, command)
    case 'grant-bounty':
      return { result: grantBounty(draft, command) }
    case 'begin-recovery':
      return { result: beginRecovery(draft, command) }
    case 'end-recovery':
      return { result: endRecovery(draft, command) }
    case 'adopt':
      return { result: adoptBatch(draft, crypto, command) }
    case 'adopt-newest':
      return { result: adoptNewest(draft, crypto, command) }
  }
}
