/**
 * An answered batch of the time that was lost, against the ledger: its verdicts are applied as they were given, never given
 * again, and nothing is taken that does not follow.
 *
 * Deltas of any subset of what was credited keep the prefix condition among themselves, as long as no amount was credited
 * below one that another provider's batch had revealed: so honest consumers' batches can be adopted in any order of their
 * providers, and what does not fit yet fits when the others are there.
 *
 * @module
 */

import { type Address, assert, type Crypto, feeOf, hashlockOf, maxOf, type RecoverRefusal } from '@myst/protocol'
import { creditBounty, creditInGap } from './bounties.ts'
import { type ChannelAccount, creditItem, emptyAccount, revealItems } from './channel-account.ts'
import { checkBatch } from './exchange-batch.ts'
import { timeOf } from './floor.ts'
import { agreementKeyOf, type LedgerDraft, noTotals, type ProviderAccount, totalsKey } from './records.ts'
import { isRecovering } from './recovery.ts'
import type { AdoptCommand } from './recovery-commands.ts'
import { noLoss } from './recovery-records.ts'
import { revealPreimage } from './reveal-preimage.ts'
import { createDraft } from './state.ts'

export type AdoptResult =
  /** `unknown`: promised to this provider for consumers' promises that nobody offered. */
  | { readonly kind: 'adopted'; readonly unknown: bigint }
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly refusal: RecoverRefusal }

export const refusedOffer = (refusal: RecoverRefusal): AdoptResult => ({ kind: 'refused', refusal })

export function adoptBatch(draft: LedgerDraft, crypto: Crypto, command: AdoptCommand): AdoptResult {
  const { batch, answered } = command
  const { provider } = batch
  if (!isAnswerTo(command)) return refusedOffer({ code: 'recovery-wrong-answer' })
  const account = draft.get('providers', provider)
  const before = compareNewest(account, answered.promise)
  if (before !== 'newer') return before
  const known = account?.promise.amount ?? 0n
  const gap = batch.previousAmount - known
  if (!command.afterHole && !checkBatch(crypto, batch, account).ok) {
    return refusedOffer({ code: 'recovery-hole', amount: batch.previousAmount, known })
  }
  if (gap < 0n) return refusedOffer({ code: 'recovery-contradiction', amount: batch.previousAmount, known })
  if (command.afterHole && !opensNewest(crypto, account, command.knownPreimage ?? batch.lastPreimage)) {
    return refusedOffer({ code: 'recovery-wrong-preimage' })
  }
  // What is refused half-way leaves nothing behind.
  const own = createDraft(draft)
  if (command.knownPreimage !== undefined) revealPreimage(own, crypto, provider, command.knownPreimage)
  if (batch.lastPreimage !== undefined) {
    revealPreimage(own, crypto, provider, batch.lastPreimage)
    // After a hole nobody else will say it.
    if (command.afterHole) {
      own.put('locks', hashlockOf(crypto, batch.lastPreimage), {
        provider,
        preimage: batch.lastPreimage,
        atMs: timeOf(own),
      })
    }
  }
  const loss = own.get('losses', provider) ?? noLoss
  const missing = loss.unknown + gap
  const adopted = adoptItems(own, command, missing > 0n)
  if ('code' in adopted) return refusedOffer(adopted)
  const unknown = (missing > adopted.found ? missing - adopted.found : 0n) + adopted.uncovered
  if (unknown !== loss.unknown) own.put('losses', provider, { ...loss, unknown })
  creditBounty(own, provider, answered.bounty ?? 0n)
  const bounties = creditInGap(own, provider, gap)
  const totals = own.get('totals', totalsKey) ?? noTotals
  own.put('totals', totalsKey, {
    ...totals,
    batches: totals.batches + 1,
    promises: totals.promises + adopted.accepted,
    credited: totals.credited + gap - bounties + answered.credited,
    fees: totals.fees + answered.fee,
  })
  own.put('providers', provider, {
    promise: answered.promise,
    digest: command.digest,
    answer: command.answer,
    unrevealed: { hashlock: batch.hashlock, channels: adopted.channels },
  })
  for (const [table, written] of own.changes) {
    for (const [key, record] of written) draft.put(table, key, record as never)
  }
  return { kind: 'adopted', unknown }
}

/** Whether the answer is to this batch, and its sums are what its verdicts say. */
function isAnswerTo({ batch, digest, answered, facts }: AdoptCommand): boolean {
  const { provider, epoch, hashlock, items, previousAmount } = batch
  const { promise, verdicts, credited, fee, feeRate, bounty = 0n } = answered
  assert(facts.length === items.length, 'every item has its facts')
  const sum = verdicts.reduce((total, { code, delta }) => (code === undefined ? total + delta : total), 0n)
  return (
    answered.digest === digest &&
    [answered.provider, promise.provider].every((of) => of === provider) &&
    [answered.epoch, promise.epoch].every((of) => of === epoch) &&
    promise.hashlock === hashlock &&
    verdicts.length === items.length &&
    fee === feeOf(sum, feeRate) &&
    credited === sum - fee &&
    promise.amount === previousAmount + credited + bounty
  )
}

/** Promises to one provider rise from epoch to epoch; what does not is no promise of one accountant that knew itself. */
export function compareNewest(
  account: ProviderAccount | undefined,
  { epoch, amount }: { readonly epoch: bigint; readonly amount: bigint },
): 'newer' | AdoptResult {
  if (account === undefined) return 'newer'
  const { promise } = account
  const isNewer = epoch > promise.epoch
  if (isNewer ? amount < promise.amount : amount > promise.amount) {
    return refusedOffer({ code: 'recovery-contradiction', amount, known: promise.amount })
  }
  return isNewer ? 'newer' : { kind: 'known' }
}

/** The newest lock that is known must be open before there is another (A8). */
export const opensNewest = (crypto: Crypto, account: ProviderAccount | undefined, preimage?: Uint8Array): boolean =>
  account?.unrevealed === undefined ||
  (preimage !== undefined && hashlockOf(crypto, preimage) === account.unrevealed.hashlock)

interface Adopted {
  readonly accepted: number
  /** The channels that were drawn on, each once. */
  readonly channels: readonly Address[]
  /** What the agreements' totals say of batches that are missing. */
  readonly found: bigint
  /** What channels no longer cover: meanwhile others drew on them. */
  readonly uncovered: bigint
}

function adoptItems(
  own: LedgerDraft,
  { batch, answered, facts }: AdoptCommand,
  isHole: boolean,
): Adopted | RecoverRefusal {
  const channels: Address[] = []
  let accepted = 0
  let found = 0n
  let uncovered = 0n
  for (const [index, item] of batch.items.entries()) {
    const verdict = answered.verdicts[index]
    const { channel, signer } = facts[index] as AdoptCommand['facts'][number]
    if (verdict?.code !== undefined) continue
    const { agreement, amount, hashlock } = item.promise
    if (signer !== item.consumer || agreement.provider !== batch.provider || agreement.total > amount) {
      return { code: 'recovery-wrong-promise', item: index }
    }
    if (hashlock !== batch.hashlock && own.get('locks', hashlock)?.provider !== batch.provider) {
      return { code: 'recovery-wrong-lock', item: index }
    }
    const key = agreementKeyOf(channel, batch.provider, agreement.id)
    const before = own.get('agreements', key)
    const step = agreement.total - (before?.total ?? 0n)
    const skipped = step - (verdict?.delta ?? 0n)
    if (skipped < 0n || (skipped > 0n && !isHole)) return { code: 'recovery-wrong-delta', item: index }
    const account = own.get('channels', channel) ?? emptyAccount(item.consumer)
    const room = roomFor(account, amount)
    const covered = step > room ? room : step
    const credited = creditItem(account, item, covered)
    // While others may still offer what comes before, it is not too late; afterwards it is taken as far as it goes.
    if ((credited === undefined || covered < step) && isRecovering(own)) {
      return { code: 'recovery-breaks-prefix', item: index }
    }
    if (credited !== undefined) {
      const lock = own.get('locks', hashlock)
      own.put('channels', channel, lock === undefined ? credited : revealItems(credited, hashlock, lock.preimage))
      channels.push(channel)
    }
    uncovered += credited === undefined ? step : step - covered
    own.put('agreements', key, { total: agreement.total, amount: maxOf(amount, before?.amount ?? 0n) })
    accepted += 1
    found += skipped
  }
  return { accepted, channels: [...new Set(channels)], found, uncovered }
}

/** The largest delta with which an item of this amount keeps the prefix condition. */
function roomFor({ revealedAmount, revealedSum, open }: ChannelAccount, amount: bigint): bigint {
  const least = amount > revealedAmount ? amount : revealedAmount
  const levels = [least, ...open.map(({ signed }) => signed.promise.amount).filter((level) => level > least)]
  const rooms = levels.map((level) =>
    open.reduce(
      (room, { delta, signed }) => (signed.promise.amount <= level ? room - delta : room),
      level - revealedSum,
    ),
  )
  return rooms.reduce((smallest, room) => (room < smallest ? room : smallest))
}
