/**
 * The ledger with a mistake in it, for tests that must see it.
 *
 * @module
 */

import { loadMistaken, type Mistake } from '@myst/testkit'
import type { Subject } from './solvency.fixture.ts'

export const ledgerWith = (mistake: Mistake): Promise<Subject> =>
  loadMistaken<Subject>(import.meta.dirname, 'testing.ts', mistake)

export const withoutPrefix: Mistake = {
  what: 'credits without the prefix condition',
  file: 'channel-account.ts',
  find: 'added.open.length > maxOpenItems || !holdsPrefix(added)',
  put: 'added.open.length > maxOpenItems',
}
export const withoutReveal: Mistake = {
  what: 'credits a provider that keeps its last preimage back',
  file: 'exchange-batch.ts',
  find: 'provider?.unrevealed?.hashlock ?? shown',
  put: 'shown',
}
