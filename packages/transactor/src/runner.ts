/**
 * Runs jobs: in fair turns, one of an owner at a time, each simulated, sent, and brought to its end once.
 *
 * A job that the simulation refuses costs no gas. While the chain is away or too dear, jobs wait; what is on its way when the
 * program ends is found again by its sending, and its owner adds the job anew.
 *
 * @module
 */

import {
  type Call,
  type Endpoints,
  estimateCallOn,
  isWaitedOut,
  type Outbox,
  type OutboxDeps,
  type Outcome,
} from '@myst/chain'
import { createFairQueue } from '@myst/program'
import { type Bytes32, Fault } from '@myst/protocol'
import type { RecordStore, RecordWrite } from '@myst/store'
import type { DayBook } from './day-book.ts'
import { loadSendings, putSending, removeSending } from './sending-table.ts'

export type JobEnd =
  /** Without a hash: the contract has it, by a transaction that we no longer know. */
  | { readonly kind: 'mined'; readonly hash?: Bytes32; readonly spent: bigint }
  | { readonly kind: 'reverted'; readonly hash: Bytes32; readonly spent: bigint }
  | { readonly kind: 'refused'; readonly code: string }

export interface Job {
  readonly id: Bytes32
  /** Whose turn it takes. */
  readonly owner: string
  readonly toSend: Call
  /** All that the gas may cost, in the chain's smallest unit. */
  readonly pays: bigint
  /** Gas of the transaction that brings the fee later, out of the same sum; 0 where there is none. */
  readonly laterGas: bigint
  /** Seconds; from then on a call that never left is refused, where only its price keeps it waiting. */
  readonly deadline: bigint
  /** It left before, under a nonce that was then used by another: the contract may have it all the same. */
  wasSent: boolean
  /** Why it is not worth sending now, whatever the contract says. */
  check?(): Promise<string | undefined>
  /** What remembers its end; written in one commit with all that the end changes. */
  writes(end: JobEnd): readonly RecordWrite[]
  /** What remembers that it left and must leave again. */
  writesAgain(): readonly RecordWrite[]
  /** Called when the end is durable. */
  ended(end: JobEnd): void
}

export interface Runner {
  /** Attaches a job to what is on its way already, or queues it. */
  add(job: Job): 'queued' | 'owner-full' | 'full'
  /** Whether one more would be taken. */
  hasRoom(owner: string): 'queued' | 'owner-full' | 'full'
  waiting(): number
  readonly outbox: Outbox
  close(): Promise<void>
}

export interface RunnerDeps {
  readonly endpoints: Endpoints
  readonly store: RecordStore
  readonly dayBook: DayBook
  readonly now: () => number
  readonly onFault: (fault: Fault) => void
  readonly openOutbox: (hooks: Pick<OutboxDeps, 'journal' | 'onEnd' | 'mayVoid'>) => Outbox
}

export interface RunnerOptions {
  /** Gas that may be lost in a day, in the chain's smallest unit. */
  readonly maxLostPerDay: bigint
  /** A job that met a chain that is away, or too dear, is tried again after this. */
  readonly retryMs: number
}

/** Each waits for its turn; with more, those who come are better told so. */
const maxJobs = 1024
/** A person has a registration, a settlement and an exit at a time. */
const maxJobsPerOwner = 8
/** Pools keep 16 transactions of one sender that wait for those before them; more are dropped first when a pool is full. */
const maxAtOnce = 16

export function createRunner(deps: RunnerDeps, options: RunnerOptions): Runner {
  const { endpoints, store, dayBook } = deps
  const queue = createFairQueue<Job>({ maxItems: maxJobs, maxPerOwner: maxJobsPerOwner })
  const jobs = new Map<string, Job>()
  const busy = new Set<string>()
  const active = new Set<string>()
  const runs = new Set<Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  const perOwner = new Map<string, number>()
  let closing = false

  const outbox = deps.openOutbox({
    journal: { load: () => loadSendings(store), put: (sending) => store.commit([putSending(sending)]) },
    onEnd: ({ id }, outcome) => settle(id, outcome),
    mayVoid: (cost) => dayBook.today().lost + cost <= options.maxLostPerDay,
  })

  function settle(id: string, outcome: Outcome): void {
    const job = jobs.get(id)
    if (outcome.kind === 'displaced') {
      const { spent } = outcome
      store.commit([
        removeSending(id),
        ...(job?.writesAgain() ?? []),
        ...(spent === 0n ? [] : dayBook.add({ spent, lost: spent })),
      ])
      if (job === undefined) return
      job.wasSent = true
      again(job)
      return
    }
    const { spent } = outcome
    const isAdvance = outcome.kind === 'mined' && (job?.laterGas ?? 0n) > 0n
    const cost = { spent, lost: outcome.kind === 'reverted' ? spent : 0n, advanced: isAdvance ? spent : 0n }
    const booked = [removeSending(id), ...dayBook.add(cost)]
    if (job === undefined) return store.commit(booked)
    finish(job, outcome, booked)
  }

  function finish(job: Job, end: JobEnd, also: readonly RecordWrite[] = []): void {
    const writes = [...also, ...job.writes(end)]
    if (writes.length > 0) store.commit(writes)
    jobs.delete(job.id)
    release(job)
    const left = (perOwner.get(job.owner) ?? 1) - 1
    if (left === 0) perOwner.delete(job.owner)
    else perOwner.set(job.owner, left)
    job.ended(end)
    pump()
  }

  function release({ id, owner }: Job): void {
    active.delete(id)
    busy.delete(owner)
  }

  /** Before the owner's others, whose turn comes after it. */
  function again(job: Job): void {
    release(job)
    queue.push(job.owner, job, 'first')
    pump()
  }

  /** Its place goes to others meanwhile; its owner waits with it. */
  function park(job: Job): void {
    active.delete(job.id)
    const timer = setTimeout(() => {
      timers.delete(timer)
      if (!closing) again(job)
    }, options.retryMs)
    timers.add(timer)
    pump()
  }

  function pump(): void {
    while (!closing && active.size < maxAtOnce) {
      const next = queue.take((owner) => !busy.has(owner))
      if (next === undefined) return
      busy.add(next.owner)
      active.add(next.item.id)
      const run = start(next.item).finally(() => runs.delete(run))
      runs.add(run)
    }
  }

  async function start(job: Job): Promise<void> {
    try {
      const code = await job.check?.()
      if (code !== undefined) return finish(job, { kind: 'refused', code })
      const { gas: estimated, ...encoded } = await estimateCallOn(endpoints, outbox.address, job.toSend)
      const gas = withMargin(estimated)
      const maxFeePerGas = job.pays / (gas + job.laterGas)
      if ((await outbox.send({ id: job.id, ...encoded, gas, maxFeePerGas })) === 'sent') return
      if (BigInt(Math.trunc(deps.now() / 1000)) > job.deadline) {
        return finish(job, { kind: 'refused', code: 'gas-too-dear' })
      }
      park(job)
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault
      if (fault.code !== 'transaction-refused') {
        if (!isWaitedOut(fault)) throw fault
        deps.onFault(fault)
        return park(job)
      }
      const code = String(fault.facts.error ?? fault.code).slice(0, 64)
      if (job.wasSent && alreadyDone.has(code)) return finish(job, { kind: 'mined', spent: 0n })
      finish(job, { kind: 'refused', code })
    }
  }

  function hasRoom(owner: string): 'queued' | 'owner-full' | 'full' {
    if ((perOwner.get(owner) ?? 0) >= maxJobsPerOwner) return 'owner-full'
    return jobs.size >= maxJobs ? 'full' : 'queued'
  }

  return {
    outbox,
    hasRoom,
    add(job) {
      const onItsWay = outbox.underway().some(({ id }) => id === job.id)
      const room = onItsWay ? 'queued' : hasRoom(job.owner)
      if (room !== 'queued') return room
      jobs.set(job.id, job)
      perOwner.set(job.owner, (perOwner.get(job.owner) ?? 0) + 1)
      if (onItsWay) {
        busy.add(job.owner)
        active.add(job.id)
      } else {
        queue.push(job.owner, job)
        pump()
      }
      return 'queued'
    },
    waiting: () => jobs.size,
    async close() {
      closing = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.allSettled(runs)
      await outbox.close()
    },
  }
}

/** More than an estimate says: state may differ a little when it is mined. What is not used is not paid. */
const withMargin = (gas: bigint): bigint => (gas * 5n) / 4n

/** What the contracts answer to a message that they have taken before. */
const alreadyDone: ReadonlySet<string> = new Set([
  'AlreadyRegistered',
  'NonceUsed',
  'PromiseNotIncreasing',
  'ExitAlreadyRequested',
  'DecreaseAlreadyRequested',
])
