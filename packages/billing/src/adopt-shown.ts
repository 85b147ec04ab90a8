/**
 * After a lost disk or an old backup: continues above the highest promise of ours that the accountant shows.
 *
 * It shows it with our own signature on it; its bare word would not count (P6).
 *
 * @module
 */

import { type ChannelDomain, type ConsumerStanding, type Crypto, Fault, recoverPromiseSigner } from '@myst/protocol'
import type { NodeKeys } from './keys.ts'
import type { PayerBook } from './payer-book.ts'

/**
 * @returns what was adopted; undefined where the book knows as much.
 * @throws Fault `accountant-unreachable` where nothing is on disk, so that only the accountant can know;
 * `accountant-answer-invalid` where what it shows is none of ours.
 */
export async function adoptShown(
  deps: {
    readonly crypto: Crypto
    readonly book: PayerBook
    readonly consumerStanding: () => Promise<ConsumerStanding>
  },
  {
    keys,
    channel,
    restoreJump,
  }: { readonly keys: NodeKeys; readonly channel: ChannelDomain; readonly restoreJump: bigint },
): Promise<bigint | undefined> {
  const { crypto, book } = deps
  const { highest } = await deps.consumerStanding()
  if (highest === undefined || highest.promise.amount <= book.amount) return undefined
  const signer = recoverPromiseSigner(crypto, channel, highest.promise, highest.signature)
  if (signer !== keys.identity) throw new Fault('accountant-answer-invalid', { channel: channel.channel, signer })
  book.adopt(highest.promise.amount, restoreJump)
  return highest.promise.amount
}
