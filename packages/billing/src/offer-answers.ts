/**
 * Brings an accountant that lost its newest records back to where it was with us.
 *
 * @module
 */

import { nextOffer, type Offer } from '@myst/payments'
import {
  type Address,
  type Bytes32,
  Fault,
  maxBatchItems,
  type RecoverRequest,
  type SignedAccountantPromise,
} from '@myst/protocol'
import type { AccountantClient } from './accountant-client.ts'
import type { AnsweredBatch, AnsweredBatches } from './answered-batches.ts'

export interface OfferedState {
  readonly newest: SignedAccountantPromise
  /** By consumer and agreement, as the desk names them. */
  readonly credited: ReadonlyMap<string, bigint>
}

export interface OfferDeps {
  readonly client: Pick<AccountantClient, 'recover'>
  readonly answered: AnsweredBatches
  readonly preimageOf: (epoch: bigint) => Uint8Array
}

/**
 * @param shown the accountant's newest promise to us as far as it knows, verified; absent: it knows of none.
 * @returns how many offers it took. @throws Fault `recovery-refused`; what was taken so far stays taken.
 */
export async function offerAnswers(
  { client, answered, preimageOf }: OfferDeps,
  { newest, credited }: OfferedState,
  shown?: SignedAccountantPromise,
): Promise<number> {
  const stored = answered.read()
  const kept = [...stored.keys()]
  let known = shown?.epoch
  let refused: { readonly offer: Offer; readonly code: string } | undefined
  let taken = 0
  // Each turn either goes on by an epoch, or is one of two tries with the same.
  for (let turn = 0; turn <= 2 * (kept.length + 1); turn++) {
    const offer = nextOffer({ kept, newest: newest.epoch, known, refused })
    if (offer === 'done') return taken
    if (offer === 'later') throw new Fault('recovery-refused', { code: refused?.code ?? 'recovery-stuck' })
    const reply = await client.recover(requestOf(offer))
    refused = reply.kind === 'refused' ? { offer, code: reply.code } : undefined
    if (reply.kind === 'adopted') taken += 1
    if (refused === undefined) known = offer.kind === 'newest' ? newest.epoch : offer.epoch
  }
  throw new Fault('recovery-refused', { code: 'recovery-stuck' })

  function requestOf(offer: Offer): RecoverRequest {
    // A preimage is shown only of a lock that the accountant has signed: of a promise it showed, or an answer that we kept.
    const isSigned = known !== undefined && known < newest.epoch && (known === shown?.epoch || stored.has(known))
    const knownPreimage = known !== undefined && isSigned ? { knownPreimage: preimageOf(known) } : {}
    if (offer.kind === 'newest') {
      return { kind: 'newest', promise: newest, ...knownPreimage, credited: totalsOf(credited) }
    }
    const { batch, answer } = stored.get(offer.epoch) as AnsweredBatch
    if (offer.kind === 'batch') return { kind: 'batch', batch, answer }
    return { kind: 'batch-after-hole', batch, answer, ...knownPreimage }
  }
}

/** Of agreements that are not over: of the others nothing is promised any more. */
const totalsOf = (credited: ReadonlyMap<string, bigint>) =>
  [...credited].slice(-maxBatchItems).map(([key, total]) => {
    const [consumer, id] = key.split('/') as [Address, Bytes32]
    return { consumer, id, total }
  })
