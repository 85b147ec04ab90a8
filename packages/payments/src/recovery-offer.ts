/**
 * What a provider offers an accountant that lost its newest records: the answers it kept, from the accountant's newest one
 * on, one after the other; and its newest promise alone where they do not lead there.
 *
 * @module
 */

import type { RecoverRefusal } from '@myst/protocol'

export type Offer =
  /** The answered batch of this epoch; where answers before it are missing, `after-hole`. */
  { readonly kind: 'batch' | 'batch-after-hole'; readonly epoch: bigint } | { readonly kind: 'newest' }

export interface OfferFacts {
  /** Epochs whose batch and answer were kept, ascending. */
  readonly kept: readonly bigint[]
  /** Of the accountant's newest promise to us. */
  readonly newest: bigint
  /** The newest epoch that the accountant knows; absent: none. */
  readonly known?: bigint | undefined
  /** What it said to the last offer. */
  readonly refused?: { readonly offer: Offer; readonly code: string } | undefined
}

/** Worth the same offer again, later. */
const temporary: ReadonlySet<string> = new Set<RecoverRefusal['code']>([
  'recovery-breaks-prefix',
  'accountant-unavailable',
])

/** `later`: nothing helps now. `done`: the accountant knows all that we have. */
export function nextOffer({ kept, newest, known, refused }: OfferFacts): Offer | 'later' | 'done' {
  if (known !== undefined && known >= newest) return 'done'
  const epoch = kept.find((of) => of <= newest && (known === undefined || of > known))
  if (refused === undefined) return epoch === undefined ? { kind: 'newest' } : { kind: 'batch', epoch }
  if (refused.offer.kind === 'newest' || temporary.has(refused.code)) return 'later'
  const isHole = refused.offer.kind === 'batch' && refused.code === 'recovery-hole'
  return isHole ? { kind: 'batch-after-hole', epoch: refused.offer.epoch } : { kind: 'newest' }
}
