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
  hasUntried,
  type ItemOutcome,
  isBatchDue,
  noRefusals,
  restartExchanger,
  takeAnswer,
  takeResigned,
  type UnprovedRefusals,
  uncredited,
} from '@myst/payments'
import {
  type AccountantPromise,
  type Address,
  accountantPromiseMessage,
  accountantPromiseStruct,
  type BatchAnswer,
  type BatchRefusal,
  type Bytes32,
  batchAnswerContent,
  batchContent,
  batchSchema,
  type Crypto,
  count,
  type Domain,
  derivePreimage,
  digestOf,
  type ExchangeReply,
  Fault,
  field,
  firstEpoch,
  flag,
  hashlockOf,
  hashTypedData,
  list,
  maxBatchItems,
  message,
  type NetworkProfile,
  openContent,
  optional,
  type SignedAccountantPromise,
  type SignedContent,
  type SignedPromise,
  signContent,
  signedPromiseSchema,
  text,
  uint,
} from '@myst/protocol'
import { type RecordStore, type RecordWrite, table } from '@myst/store'
import type { AccountantClient, AccountantInfo } from './accountant-client.ts'
import { loadAnsweredBatches } from './answered-batches.ts'
import type { Clock } from './clock.ts'
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

/** Restarts while the accountant is away; each leaves an epoch to be closed. */
const maxRetired = 65_536

const metaTable = table(
  'exchange',
  message({
    epoch: field(0, uint(64)),
    newest: optional(1, accountantPromiseMessage),
    creditedSum: field(2, uint(256)),
    feeSum: field(3, uint(256)),
    inFlight: optional(4, message({ batch: field(0, batchSchema), keys: field(1, list(text(160), maxBatchItems)) })),
    batches: field(5, count(2 ** 53 - 1)),
    promises: field(6, count(2 ** 53 - 1)),
    retired: field(7, list(uint(64), maxRetired)),
    refused: optional(8, message({ sum: field(0, uint(256)), sinceMs: field(1, uint(53)) })),
    bountySum: optional(9, uint(256)),
  }),
)
const pendingTable = table(
  'exchange-pending',
  message({ signed: field(0, signedPromiseSchema), sinceMs: field(1, uint(53)), urgent: field(2, flag) }),
)
const creditedTable = table('exchange-credited', message({ total: field(0, uint(256)) }))

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

  const saved = metaTable.load(store).get(accountant.address)
  let batches = saved?.batches ?? 0
  let promises = saved?.promises ?? 0
  let refusals: UnprovedRefusals =
    saved?.refused === undefined ? noRefusals : { ...saved.refused, sinceMs: Number(saved.refused.sinceMs) }
  const isStopped = () => refusals.sum > options.unprovedRefusals
  const operators = keepFigure(
    { ...deps, read: deps.operator },
    `operator of ${accountant.address}`,
    accountant.operator,
  )
  let operator = await operators.value()
  const answered = loadAnsweredBatches(store, accountant.address)
  let state = await restore()
  /** Whose signature our newest promise has; undefined: it must be asked for. */
  let signedBy = state.newest === undefined ? accountant.operator : signerOf(state.newest)
  let lock = lockOf(state.epoch)
  persist(undefined, state)

  async function restore(): Promise<ExchangerState> {
    const nowMs = clock.nowMs()
    if (saved === undefined) {
      // Nothing on disk: a new provider, or a lost disk. The accountant shows its newest promise, and with it our epoch.
      const { newest: shown } = await client.providerStanding()
      const newest = shown === undefined || signerOf(shown) === operator ? shown : (await client.resign()).newest
      if (newest === undefined) return createExchanger(firstEpoch(0n, 0n, nowMs))
      requireOwnPromise(newest)
      return adoptNewest(createExchanger(firstEpoch(0n, newest.epoch, nowMs)), newest)
    }
    const prefix = `${accountant.address}/`
    const mine = <T>(records: ReadonlyMap<string, T>): Map<string, T> =>
      new Map(
        [...records].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
      )
    const pending = mine(pendingTable.load(store))
    const { newest, inFlight } = saved
    const onDisk: ExchangerState = {
      epoch: saved.epoch,
      retired: saved.retired,
      pending: new Map(
        [...pending].map(([key, { signed, sinceMs, urgent }]) => [key, { signed, sinceMs: Number(sinceMs), urgent }]),
      ),
      credited: new Map([...mine(creditedTable.load(store))].map(([key, { total }]) => [key, total])),
      creditedSum: saved.creditedSum,
      feeSum: saved.feeSum,
      bountySum: saved.bountySum ?? 0n,
      ...(newest === undefined ? {} : { newest }),
      ...(inFlight === undefined ? {} : { inFlight }),
    }
    return restartExchanger(onDisk, nowMs)
  }

  /** Writes what differs; durable when it returns. */
  function persist(before: ExchangerState | undefined, after: ExchangerState, more: readonly RecordWrite[] = []): void {
    const { epoch, retired, newest, inFlight, creditedSum, feeSum, bountySum } = after
    const meta = {
      epoch,
      retired,
      creditedSum,
      feeSum,
      bountySum,
      batches,
      promises,
      refused: { sum: refusals.sum, sinceMs: BigInt(refusals.sinceMs) },
      ...(newest === undefined ? {} : { newest }),
      ...(inFlight === undefined ? {} : { inFlight }),
    }
    const key = (name: string) => `${accountant.address}/${name}`
    const writes: RecordWrite[] = [metaTable.put(accountant.address, meta), ...more]
    for (const [name, pending] of after.pending) {
      if (before?.pending.get(name) === pending) continue
      writes.push(pendingTable.put(key(name), { ...pending, sinceMs: BigInt(pending.sinceMs) }))
    }
    for (const name of before?.pending.keys() ?? []) {
      if (!after.pending.has(name)) writes.push(pendingTable.remove(key(name)))
    }
    for (const [name, total] of after.credited) {
      if (before?.credited.get(name) !== total) writes.push(creditedTable.put(key(name), { total }))
    }
    store.commit(writes)
  }

  function change(next: ExchangerState, more: readonly RecordWrite[] = []): void {
    persist(state, next, more)
    if (next.epoch !== state.epoch) lock = lockOf(next.epoch)
    state = next
  }

  function signerOf({ provider, amount, hashlock, signature }: SignedAccountantPromise): Address | undefined {
    const promise: AccountantPromise = { provider, amount, hashlock }
    return crypto.recover(hashTypedData(crypto, domain, accountantPromiseStruct, promise), signature)
  }

  /** Signed by the operator, and its lock is ours: else its preimage would be somebody else's. */
  function requireOwnPromise(newest: SignedAccountantPromise): void {
    const { provider, hashlock, epoch } = newest
    const signer = signerOf(newest)
    if (signer !== operator || provider !== keys.identity || hashlock !== lockOf(epoch)) {
      throw new Fault('accountant-promise-invalid', { accountant: accountant.address, signer, epoch })
    }
  }

  function openAnswer(answer: SignedContent): BatchAnswer {
    const opened = openContent(crypto, domain, batchAnswerContent, answer, operator)
    if (!opened.ok && opened.refusal.code === 'content-wrong-signer') {
      // Another key may be the operator's by now: asked to, the accountant signs its answer again.
      operators.expire()
      signedBy = undefined
    }
    if (!opened.ok) throw new Fault('accountant-answer-invalid', { code: opened.refusal.code })
    requireOwnPromise(opened.value.promise)
    return opened.value
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
    operator = await operators.value()
    if (signedBy === operator || clock.elapsedMs() < askAgainMs) return
    askAgainMs = clock.elapsedMs() + retryMostMs
    const { newest } = await client.resign()
    if (newest !== undefined) requireOwnPromise(newest)
    if ((newest?.amount ?? 0n) < (state.newest?.amount ?? 0n)) {
      throw new Fault('accountant-promise-invalid', { accountant: accountant.address, epoch: newest?.epoch })
    }
    if (newest !== undefined) change(takeResigned(state, newest))
    signedBy = operator
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
    requireOwnPromise(shown)
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
    if (shown !== undefined) requireOwnPromise(shown)
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
      return { ...accountant, operator }
    },
    domain,
    get hashlock() {
      return lock
    },
    get standing() {
      const { creditedSum: credited, feeSum: fees, bountySum: bounties } = state
      return { uncredited: uncredited(state), credited, fees, bounties, batches, promises }
    },
    get stopped() {
      return isStopped()
    },
    add(key, signed, urgent) {
      change(addPromise(state, key, signed, clock.nowMs(), urgent))
      if (urgent && clock.elapsedMs() >= notBeforeMs) unattended(work(false))
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

/** What accountants have promised so far, by the disk: of those too that the profile names no more. */
export const storedPromises = (store: RecordStore): ReadonlyMap<Address, SignedAccountantPromise> =>
  new Map(
    [...metaTable.load(store)].flatMap(([accountant, { newest }]) =>
      newest === undefined ? [] : [[accountant as Address, newest]],
    ),
  )

/** This node was a provider before, with one accountant at least. */
export const hasExchanged = (store: RecordStore): boolean => metaTable.load(store).size > 0

export const deskKey = (consumer: Address, agreementId: Bytes32): string => `${consumer}/${agreementId}`
