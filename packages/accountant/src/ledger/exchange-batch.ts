/**
 * One batch against the ledger: whole-batch checks, then each item against the state after the one before.
 *
 * A pure step: it reads and writes a draft, and decides an answer that others sign. What it refuses as a whole leaves the
 * draft untouched.
 *
 * @module
 */

import {
  accept,
  assert,
  type Batch,
  type BatchRefusal,
  type Crypto,
  feeOf,
  hashlockOf,
  type ItemRefusalCode,
  type ItemVerdict,
  itemRefusals,
  maxOf,
  maxProofPromises,
  refuse,
  type SearchWork,
  type SignedContent,
  type SignedPromise,
  type Verdict,
} from '@myst/protocol'
import type { Decision } from './answer.ts'
import { takeBounty } from './bounties.ts'
import {
  type ChannelAccount,
  creditItem,
  emptyAccount,
  highestAmount,
  isFull,
  proofOf,
  revealItems,
} from './channel-account.ts'
import type { ExchangeCommand, ItemFacts } from './commands.ts'
import { capacityLeft } from './fast-exit.ts'
import { floorOf } from './floor.ts'
import {
  agreementKeyOf,
  type LedgerDraft,
  type LedgerView,
  noTotals,
  type ProviderAccount,
  totalsKey,
} from './records.ts'
import { highestShown, isRecovering } from './recovery.ts'
import { recoveryKey } from './recovery-records.ts'
import { revealPreimage } from './reveal-preimage.ts'

export type ExchangeResult =
  | { readonly kind: 'answered' | 'already-answered'; readonly answer: SignedContent }
  | { readonly kind: 'refused'; readonly refusal: BatchRefusal; readonly newest?: ProviderAccount['promise'] }

export function exchangeBatch(
  draft: LedgerDraft,
  crypto: Crypto,
  command: ExchangeCommand,
): { readonly result: ExchangeResult } | { readonly decision: Decision } {
  const { batch, facts } = command
  const known = exchangeWithoutItems(draft, crypto, command)
  if (known !== undefined) return { result: known }
  assert(facts.length === batch.items.length, 'every item has its facts')
  if (batch.lastPreimage !== undefined) revealPreimage(draft, crypto, batch.provider, batch.lastPreimage)
  const room = { promises: 0, steps: 0 }
  const verdicts = batch.items.map((item, index) => exchangeItem(draft, command, item, facts[index] as ItemFacts, room))
  return { decision: decideAnswer(draft, command, verdicts) }
}

/** What needs no look at the items: the answer of an epoch that has one, or why the batch is refused as a whole. */
export function exchangeWithoutItems(
  view: LedgerView,
  crypto: Crypto,
  { batch, digest }: Pick<ExchangeCommand, 'batch' | 'digest'>,
): ExchangeResult | undefined {
  const provider = view.get('providers', batch.provider)
  if (provider !== undefined && batch.epoch === provider.promise.epoch) {
    return { kind: digest === provider.digest ? 'answered' : 'already-answered', answer: provider.answer }
  }
  const checked = checkBatch(crypto, batch, provider)
  const refusal = isBehind(view, batch, checked) ? behind(provider) : checked.ok ? undefined : checked.refusal
  if (refusal === undefined) return undefined
  const newest = provider?.promise
  return { kind: 'refused', refusal, ...(newest === undefined ? {} : { newest }) }
}

export function checkBatch(crypto: Crypto, batch: Batch, provider: ProviderAccount | undefined): Verdict<BatchRefusal> {
  if (/^0x0+$/.test(batch.hashlock)) return refuse({ code: 'batch-zero-lock' })
  if (provider !== undefined && batch.epoch < provider.promise.epoch) {
    return refuse({ code: 'batch-epoch-behind', newestEpoch: provider.promise.epoch })
  }
  const amount = provider?.promise.amount ?? 0n
  if (batch.previousAmount !== amount) return refuse({ code: 'batch-previous-amount', amount })
  const shown = batch.lastPreimage === undefined ? undefined : hashlockOf(crypto, batch.lastPreimage)
  // One unrevealed batch at a time: the next is taken only with the preimage of the last.
  const wanted = provider?.unrevealed?.hashlock ?? shown
  if (shown !== wanted || (shown !== undefined && shown !== provider?.promise.hashlock)) {
    return refuse({ code: 'batch-wrong-preimage' })
  }
  return accept(undefined)
}

const behind = (provider: ProviderAccount | undefined): BatchRefusal => ({
  code: 'accountant-recovering',
  amount: provider?.promise.amount ?? 0n,
})

/** Whether it is we who lack this provider's newest promise, as far as can be seen. */
function isBehind(view: LedgerView, { provider, previousAmount }: Batch, checked: Verdict<BatchRefusal>): boolean {
  if (view.get('recovery', recoveryKey) === undefined) return false
  // The chain has shown more than this batch builds on.
  if (checked.ok) return previousAmount < highestShown(view, provider)
  if (!isRecovering(view)) return false
  const { refusal } = checked
  return (
    refusal.code === 'batch-wrong-preimage' ||
    (refusal.code === 'batch-previous-amount' && previousAmount > refusal.amount)
  )
}

function exchangeItem(
  draft: LedgerDraft,
  command: ExchangeCommand,
  item: SignedPromise,
  facts: ItemFacts,
  room: ProofRoom,
): ItemVerdict {
  const { agreement, hashlock } = item.promise
  const key = agreementKeyOf(facts.channel, command.batch.provider, agreement.id)
  const before = draft.get('agreements', key)
  const account = draft.get('channels', facts.channel) ?? emptyAccount(item.consumer)
  const code = checkItem(draft, command, item, facts, { agreed: before?.total ?? 0n, account })
  // Until its signature is good, nobody learns from a refusal what a stranger's channel has promised.
  if (code !== undefined) return refusedItem(facts.signer === item.consumer ? code : 'promise-wrong-signer')
  const delta = agreement.total - (before?.total ?? 0n)
  const credited = creditItem(account, item, delta)
  if (credited === undefined) {
    const behind = item.promise.amount < highestAmount(account)
    return proveRefusal(refusedItem(behind ? 'promise-amount-behind' : 'promise-breaks-prefix'), account, item, room)
  }
  const known = draft.get('locks', hashlock)
  draft.put('channels', facts.channel, known === undefined ? credited : revealItems(credited, hashlock, known.preimage))
  const { amount } = item.promise
  draft.put('agreements', key, { total: agreement.total, amount: maxOf(amount, before?.amount ?? 0n) })
  return { delta }
}

/** In the order of `itemRefusals`, cheapest first; the prefix condition follows in `exchangeItem`. */
function checkItem(
  draft: LedgerDraft,
  { batch, minDelta }: ExchangeCommand,
  { consumer, promise }: SignedPromise,
  facts: ItemFacts,
  { agreed, account }: { readonly agreed: bigint; readonly account: ChannelAccount },
): ItemRefusalCode | undefined {
  const { agreement, amount, hashlock } = promise
  if (agreement.total > amount) return 'promise-shape'
  if (agreement.provider !== batch.provider) return 'promise-wrong-provider'
  if (isRecovering(draft)) return 'promise-recovering'
  if (hashlock !== batch.hashlock && draft.get('locks', hashlock)?.provider !== batch.provider) {
    return 'promise-wrong-lock'
  }
  if (facts.exit === 'late') return 'promise-channel-closing'
  const floor = floorOf(draft, facts.channel)
  if (floor !== undefined && amount <= floor) return 'promise-too-old'
  if (agreement.total < agreed + minDelta) return 'promise-total-not-increasing'
  if (amount > capacityLeft(draft, facts)) return 'promise-over-capacity'
  if (isFull(account, amount)) return 'promise-too-many-unrevealed'
  return facts.signer === consumer ? undefined : 'promise-wrong-signer'
}

/** What an answer's proofs have taken. */
interface ProofRoom extends SearchWork {
  promises: number
}
/** Of all proofs in one answer, 250 KB of its 512. What finds no room comes again. */
const maxProofsSum = 1024
/** Of searches for one answer: 15 to 30 ms, 340 that find nothing. Counted, not timed: a replay must come to the same answers. */
export const maxSearchSteps = 1 << 17

function proveRefusal(
  refused: ItemVerdict,
  account: ChannelAccount,
  item: SignedPromise,
  room: ProofRoom,
): ItemVerdict {
  if (room.promises > maxProofsSum - maxProofPromises || room.steps >= maxSearchSteps) {
    return refusedItem('promise-proof-later')
  }
  const proof = proofOf(account, item, room)
  room.promises += proof?.length ?? 0
  return proof === undefined ? refused : { ...refused, proof }
}

const refusedItem = (code: ItemRefusalCode): ItemVerdict => ({ code, delta: 0n, final: itemRefusals[code].final })

function decideAnswer(
  draft: LedgerDraft,
  { batch, digest, facts, feeRate }: ExchangeCommand,
  verdicts: readonly ItemVerdict[],
): Decision {
  const { provider, epoch, hashlock } = batch
  const sum = verdicts.reduce((total, { delta }) => total + delta, 0n)
  const fee = feeOf(sum, feeRate)
  const credited = sum - fee
  assert(credited >= 0n, 'a promise never falls')
  const bounty = takeBounty(draft, batch)
  const accepted = facts.filter((_, index) => verdicts[index]?.code === undefined)
  const totals = draft.get('totals', totalsKey) ?? noTotals
  draft.put('totals', totalsKey, {
    ...totals,
    batches: totals.batches + 1,
    promises: totals.promises + accepted.length,
    credited: totals.credited + credited,
    fees: totals.fees + fee,
  })
  return {
    promise: { provider, amount: batch.previousAmount + credited + bounty, hashlock, epoch },
    answer: { provider, epoch, digest, feeRate, credited, fee, verdicts, ...(bounty === 0n ? {} : { bounty }) },
    unrevealed: { hashlock, channels: [...new Set(accepted.map(({ channel }) => channel))] },
  }
}
