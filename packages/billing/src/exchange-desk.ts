/**
 * The exchanger on disk and on the wire: one desk for each accountant the provider accepts.
 *
 * Every state is durable before the step after it: a batch before it is sent, an answer before its preimage is shown.
 *
 * @module
 */

import {
  addPromise,
  addRefusals,
  adoptNewest,
  closeBatch,
  createExchanger,
  type ExchangerPolicy,
  type ExchangerState,
  forgetCredited,
  hasUntried,
  type ItemOutcome,
  isBatchDue,
  restartExchanger,
  takeAnswer,
  takeResigned,
  uncredited,
} from '@myst/payments'
import {
  type Address,
  type BatchAnswer,
  type BatchRefusal,
  type Bytes32,
  batchContent,
  type Crypto,
  type Domain,
  derivePreimage,
  digestOf,
  type ExchangeReply,
  Fault,
  firstEpoch,
  hashlockOf,
  type NetworkProfile,
  type SignedAccountantPromise,
  type SignedContent,
  type SignedPromise,
  signContent,
} from '@myst/protocol'
import type { RecordStore, RecordWrite } from '@myst/store'
import type { AccountantClient, AccountantInfo } from './accountant-client.ts'
import { openAccountantWord } from './accountant-word.ts'
import { loadAnsweredBatches } from './answered-batches.ts'
import type { Clock } from './clock.ts'
import { deskWrites, loadDesk } from './desk-records.ts'
import { keepFigure } from './kept-figure.ts'
import type { NodeKeys } from './keys.ts'
import { offerAnswers } from './offer-answers.ts'
import { type JudgeDeps, judgeRefusals } from './refusal-judge.ts'
import { createRetrySpread, retryMostMs } from './retry-spread.ts'

export interface ExchangeDesk {
  readonly accountant: AccountantInfo
  readonly domain: Domain
  /** The open epoch's lock, for the next invoice. */
  readonly hashlock: Bytes32
  readonly standing: DeskStanding
  /** The accountant refused too much without proof: nothing more is exchanged with it, and no session begins on it. */
  readonly stopped: boolean
  /** Durable when it returns. `key` names the agreement. */
  add(key: string, signed: SignedPromise, urgent: boolean): void
  /** Nothing will be promised for this agreement any more. Ignored while something of it is uncredited. */
  forget(key: string): void
  /** Exchanges what is pending, now; resolves when nothing more can be done. */
  flush(): Promise<void>
  /** The accountant's newest promise and its preimage: what a settlement shows. */
  newest(): { readonly promise: SignedAccountantPromise; readonly preimage: Uint8Array } | undefined
  close(): Promise<void>
}

export interface DeskStanding {
  readonly uncredited: bigint
  readonly credited: bigint
  readonly fees: bigint
  readonly bounties: bigint
  readonly batches: number
  readonly promises: number
}

export interface DeskDeps extends Pick<JudgeDeps, 'isLeaving' | 'promisedBefore'> {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly store: RecordStore
  readonly client: AccountantClient
  readonly onOutcomes: (outcomes: readonly ItemOutcome[]) => void
  /** What the accountant may keep by its contract, basis points. @throws Fault `chain-unreachable`. */
  readonly feeRate: () => Promise<number>
  /** Whose signatures its contract takes now. @throws Fault `chain-unreachable`. */
  readonly operator: () => Promise<Address>
  readonly log: (line: string) => void
  /** Of [0, 1): when to come again; `Math.random` where absent. */
  readonly random?: () => number
}

export interface DeskOptions {
  readonly keys: NodeKeys
  readonly chainId: bigint
  readonly contracts: NetworkProfile['contracts']
  readonly accountant: AccountantInfo
  readonly policy: ExchangerPolicy
  /** Basis points. */
  readonly feeLimit: number
  readonly unprovedRefusals: bigint
}

/** What is urgent does not wait for it; other batches fall due after seconds, and a quarter of one is nothing to them. */
const everyMs = 250
/** With nothing more to exchange for this long, the last preimage is shown by itself: the end of business. */
const idleRevealMs = 2_000
/** Whether the accountant has lost what it answered: who has nothing to exchange would not hear of it. */
const lookMs = { first: 60_000, each: 3_600_000 } as const
/** What an accountant says that shows a newest promise older than ours, or none. */
const behindCodes: ReadonlySet<string> = new Set<BatchRefusal['code']>([
  'accountant-recovering',
  'batch-previous-amount',
  'batch-wrong-preimage',
])
const adoptable: ReadonlySet<string> = new Set([
  'batch-previous-amount',
  'batch-epoch-behind',
  'batch-wrong-preimage',
  'already-answered',
])

/** @throws Fault `accountant-unreachable` where there is no durable epoch and the accountant can't be asked for one. */
export async function openExchangeDesk(deps: DeskDeps, options: DeskOptions): Promise<ExchangeDesk> {
  const { crypto, clock, store, client } = deps
  const { keys, chainId, contracts, accountant } = options
  const domain: Domain = { chainId, verifyingContract: accountant.address }
  const scope = { chainId, accountant: accountant.address }
  const preimageOf = (epoch: bigint) => derivePreimage(keys.preimageSecret, scope, epoch)
  const lockOf = (epoch: bigint) => hashlockOf(crypto, preimageOf(epoch))
  const own = { provider: keys.identity, lockOf, preimageOf }

  const { state: saved, ...figures } = loadDesk(store, accountant.address)
  let { batches, promises, refusals } = figures
  const isStopped = () => refusals.sum > options.unprovedRefusals
  const word = await openAccountantWord(deps, { accountant, domain, provider: keys.identity, lockOf })
  const answered = loadAnsweredBatches(store, accountant.address)
  let state = await restore()
  /** Whose signature our newest promise has; undefined: it must be asked for. */
  let signedBy = state.newest === undefined ? accountant.operator : word.signerOf(state.newest)
  let lock = lockOf(state.epoch)
  persist(undefined, state)

  async function restore(): Promise<ExchangerState> {
    const nowMs = clock.nowMs()
    if (saved !== undefined) return restartExchanger(saved, nowMs)
    // Nothing on disk: a new provider, or a lost disk. The accountant shows its newest promise, and with it our epoch.
    const { newest: shown } = await client.providerStanding()
    const isSigned = shown === undefined || word.signerOf(shown) === word.operator
    const newest = isSigned ? shown : (await client.resign()).newest
    if (newest === undefined) return createExchanger(firstEpoch(0n, 0n, nowMs))
    word.requireOwn(newest)
    return adoptNewest(createExchanger(firstEpoch(0n, newest.epoch, nowMs)), newest)
  }

  /** Writes what differs; durable when it returns. */
  function persist(before: ExchangerState | undefined, after: ExchangerState, more: readonly RecordWrite[] = []): void {
    store.commit([...deskWrites(accountant.address, before, after, { batches, promises, refusals }), ...more])
  }

  function change(next: ExchangerState, more: readonly RecordWrite[] = []): void {
    persist(state, next, more)
    if (next.epoch !== state.epoch) lock = lockOf(next.epoch)
    state = next
  }

  /** Every tick of every session asks, and a sum goes through all that is pending. */
  let summed: { readonly of: ExchangerState; readonly sum: bigint } | undefined
  function sumUncredited(): bigint {
    if (summed?.of !== state) summed = { of: state, sum: uncredited(state) }
    return summed.sum
  }

  function openAnswer(answer: SignedContent): BatchAnswer {
    const opened = word.open(answer)
    if (opened.ok) return opened.value
    // Asked to, the accountant signs its answer again.
    if (opened.refusal.code === 'content-wrong-signer') signedBy = undefined
    throw new Fault('accountant-answer-invalid', { code: opened.refusal.code })
  }

  const feeRates = keepFigure<number>(
    { ...deps, read: deps.feeRate },
    `fee rate of ${accountant.address}`,
    options.feeLimit,
  )
  await feeLimit()

  /** Never above the accountant's published rate; our own limit alone where the chain can't be asked. */
  async function feeLimit(): Promise<number> {
    return Math.min(options.feeLimit, await feeRates.value())
  }

  let askAgainMs = 0
  /** From a change of the operator's key on, what the old one signed is paid from our guarantee only. */
  async function followOperator(): Promise<void> {
    await word.refresh()
    if (signedBy === word.operator || clock.elapsedMs() < askAgainMs) return
    askAgainMs = clock.elapsedMs() + retryMostMs
    const { newest } = await client.resign()
    if (newest !== undefined) word.requireOwn(newest)
    if ((newest?.amount ?? 0n) < (state.newest?.amount ?? 0n)) {
      throw new Fault('accountant-promise-invalid', { accountant: accountant.address, epoch: newest?.epoch })
    }
    if (newest !== undefined) change(takeResigned(state, newest))
    signedBy = word.operator
  }

  async function takeReply(reply: ExchangeReply, batch: SignedContent, limit: number): Promise<void> {
    const digest = digestOf(crypto, batch.content)
    if (reply.kind === 'refused') {
      adoptShown(reply.code, reply.newest)
      return
    }
    const answer = openAnswer(reply.answer)
    if (answer.digest !== digest) {
      adoptShown(reply.kind, answer.promise)
      return
    }
    const { outcomes: judged } = takeOrThrow(answer, limit)
    const proven = await judgeRefusals(deps, { chainId, contracts, accountant: accountant.address }, judged)
    // Anew: promises were added while we looked.
    const nowMs = clock.nowMs()
    const taken = takeOrThrow(answer, limit)
    const outcomes = taken.outcomes.map((outcome) => ({ ...outcome, proven: proven.has(outcome.signed) }))
    batches += 1
    promises += outcomes.filter(({ verdict }) => verdict.code === undefined).length
    refusals = addRefusals(refusals, taken.state, outcomes, { nowMs, limit: options.unprovedRefusals })
    change(taken.state, answered.keep(answer.epoch, { batch, answer: reply.answer }))
    answeredMs = clock.elapsedMs()
    if (isStopped()) sayStopped()
    deps.onOutcomes(outcomes)
  }

  /** Changes nothing yet. */
  function takeOrThrow(answer: BatchAnswer, limit: number) {
    const taken = takeAnswer(state, answer, limit, clock.nowMs())
    if (taken.ok) return taken.value
    if (taken.refusal.code === 'answer-fee-too-high') feeRates.expire() // it may have been raised since we read it
    throw new Fault('accountant-answer-invalid', { code: taken.refusal.code })
  }

  function sayStopped(): void {
    deps.log(`ALARM: ${accountant.address} refused ${refusals.sum} without proof; nothing more is exchanged with it`)
  }
  if (isStopped()) sayStopped()

  /** The accountant is ahead of us (a lost disk, a second machine): its own promise says so, or nothing is adopted. */
  function adoptShown(code: string, shown: SignedAccountantPromise | undefined): void {
    const behind = adoptable.has(code) && shown !== undefined && shown.epoch !== state.newest?.epoch
    if (!behind) throw new Fault('batch-refused', { code })
    word.requireOwn(shown)
    const adopted = adoptNewest(state, shown)
    if (adopted === state) throw new Fault('batch-refused', { code })
    change(adopted)
  }

  async function sendInFlight(): Promise<void> {
    if (state.inFlight === undefined) return
    // The same batch has the same bytes, whenever it is encoded and signed: both are deterministic.
    const signed = signContent(crypto, domain, batchContent, state.inFlight.batch, keys.privateKey)
    const limit = await feeLimit()
    const reply = await client.exchange(signed)
    const lost = reply.kind === 'refused' && behindCodes.has(reply.code) && isBehind(reply.newest)
    if (lost) await giveBack(reply.newest)
    await takeReply(lost ? await client.exchange(signed) : reply, signed, limit)
  }

  /** It has answered us since the newest promise that it shows. */
  const isBehind = (shown: SignedAccountantPromise | undefined): boolean =>
    state.newest !== undefined && (shown === undefined || shown.epoch < state.newest.epoch)

  async function giveBack(shown: SignedAccountantPromise | undefined): Promise<void> {
    const { newest, credited } = state
    if (newest === undefined) return
    if (shown !== undefined) word.requireOwn(shown)
    const taken = await offerAnswers({ client, answered, preimageOf }, { newest, credited }, shown)
    revealed = undefined
    deps.log(`accountant-behind: ${accountant.address} had lost what it answered; it took back ${taken}`)
  }

  let lookDueMs: number = clock.elapsedMs() + lookMs.first
  async function lookAfter(): Promise<void> {
    if (state.newest === undefined || clock.elapsedMs() < lookDueMs) return
    lookDueMs = clock.elapsedMs() + lookMs.each
    const { newest } = await client.providerStanding()
    if (isBehind(newest)) await giveBack(newest)
  }

  let working: Promise<void> | undefined
  const retry = createRetrySpread(deps.random ?? Math.random)
  let notBeforeMs = 0

  /** One at a time. @param all exchange whatever is pending, due or not. */
  function work(all: boolean): Promise<void> {
    if (working !== undefined) return working
    working = (async () => {
      try {
        await followOperator().catch(logged)
        await lookAfter()
        while (!isStopped()) {
          await sendInFlight()
          retry.worked()
          if (isStopped()) return
          const due = isBatchDue(state, clock.nowMs(), options.policy) || (all && hasUntried(state))
          if (!due || state.inFlight !== undefined) return
          change(closeBatch(state, own, options.policy))
        }
      } catch (fault) {
        notBeforeMs = clock.elapsedMs() + retry.failed()
        if (!(fault instanceof Fault)) throw fault
        deps.log(`exchange: ${fault.message}`)
      } finally {
        working = undefined
      }
    })()
    return working
  }

  function logged(fault: unknown): void {
    if (!(fault instanceof Fault)) throw fault
    deps.log(`a change of the operator: ${fault.message}`)
  }

  /** Whom nobody awaits: a fault of it is for the log. */
  function unattended(task: Promise<void>): void {
    task.catch((cause) => deps.log(`exchange failed: ${cause instanceof Error ? cause.message : cause}`))
  }

  let answeredMs = clock.elapsedMs()
  let revealed: bigint | undefined
  let revealing = false

  /** Nothing depends on it: a preimage that is not shown now goes with the next batch, or with a settlement. */
  async function revealWhenIdle(): Promise<void> {
    const { newest, inFlight, pending } = state
    const idle = inFlight === undefined && pending.size === 0 && clock.elapsedMs() - answeredMs >= idleRevealMs
    if (newest === undefined || !idle || isStopped() || revealing || revealed === newest.epoch) return
    revealing = true
    try {
      await client.reveal(preimageOf(newest.epoch))
      revealed = newest.epoch
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      answeredMs = clock.elapsedMs()
    } finally {
      revealing = false
    }
  }

  const timer = setInterval(() => {
    if (working === undefined && clock.elapsedMs() >= notBeforeMs) unattended(work(false))
    unattended(revealWhenIdle())
  }, everyMs)

  return {
    get accountant() {
      return { ...accountant, operator: word.operator }
    },
    domain,
    get hashlock() {
      return lock
    },
    get standing() {
      const { creditedSum: credited, feeSum: fees, bountySum: bounties } = state
      return { uncredited: sumUncredited(), credited, fees, bounties, batches, promises }
    },
    get stopped() {
      return isStopped()
    },
    add(key, signed, urgent) {
      change(addPromise(state, key, signed, clock.nowMs(), urgent))
      if (urgent && clock.elapsedMs() >= notBeforeMs) unattended(work(false))
    },
    forget(key) {
      const next = forgetCredited(state, key)
      if (next !== state) change(next)
    },
    async flush() {
      await working?.catch(() => {}) // whoever began it hears of it
      await work(true)
    },
    newest() {
      const promise = state.newest
      return promise && { promise, preimage: preimageOf(promise.epoch) }
    },
    async close() {
      clearInterval(timer)
      await working?.catch(() => {})
    },
  }
}
