/**
 * Signatures across cores: what is to be checked goes to the thread with the least to do; what is to be signed, to a thread
 * of its own. A group of the ledger waits for its signatures, and would else wait behind a thousand recoveries.
 *
 * @module
 */

import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Fault, type SignedContent } from '@myst/protocol'
import type { Decision, SignedDecision } from '../ledger/answer.ts'
import type { BatchSigners } from './batch-signers.ts'
import type { Job, JobDone, WorkerPlace } from './worker.ts'

export interface SignaturePool {
  readonly threads: number
  /** Jobs that are not done. */
  readonly waiting: number
  /**
   * @param withItems false: only the batch's own signature and digest.
   * @throws Fault `signatures-busy`, `signature-thread-lost`.
   */
  findSigners(signed: SignedContent, withItems: boolean): Promise<BatchSigners>
  /** The operator's signatures, deterministic, in the order of the hashes. @throws as `findSigners`. */
  sign(hashes: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
  /** In one round: the promise, then the answer around it. @throws as `findSigners`. */
  signDecisions(decisions: readonly Decision[]): Promise<readonly SignedDecision[]>
  /** What waits fails; what is under way is finished. */
  close(): Promise<void>
}

/** A batch of 64 takes 4 ms: with more of them waiting for one thread than this, who asks has given up. */
const maxWaitingPerThread = 1024

/** What a batch leaves behind is garbage when it is answered; without this, 128 MiB of it may stand in each thread. */
const maxYoungGenerationSizeMb = 16

interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, { resolve(done: JobDone): void; reject(fault: Fault): void }>
}

/**
 * A thread that dies has a bug, or no memory: from then on every job fails, and the program is to be started anew.
 *
 * @param threads that check; by default as many as there are cores: the ledger's thread mostly waits for the disk.
 */
export function createSignaturePool(
  place: Omit<WorkerPlace, 'ending'>,
  threads = availableParallelism(),
): SignaturePool {
  const ending = new Int32Array(new SharedArrayBuffer(4))
  let lastId = 0
  let lost: Fault | undefined
  const checking = Array.from({ length: threads }, start)
  const signing = start()
  const all = [...checking, signing]

  function start(): Thread {
    const worker = new Worker(new URL('worker.ts', import.meta.url), {
      workerData: { ...place, ending } satisfies WorkerPlace,
      resourceLimits: { maxYoungGenerationSizeMb },
    })
    const waiting: Thread['waiting'] = new Map()
    worker.on('message', (done: JobDone) => {
      waiting.get(done.id)?.resolve(done)
      waiting.delete(done.id)
    })
    // An error is followed by the exit, which says all.
    worker.on('error', () => {})
    worker.on('exit', (exitCode) => {
      lost ??= new Fault('signature-thread-lost', { exitCode })
      for (const { reject } of waiting.values()) reject(lost)
      waiting.clear()
    })
    worker.unref()
    return { worker, waiting }
  }

  function run(threads: readonly Thread[], work: WithoutId<Job>): Promise<JobDone> {
    if (lost !== undefined) return Promise.reject(lost)
    const { worker, waiting } = threads.reduce((least, one) => (one.waiting.size < least.waiting.size ? one : least))
    if (waiting.size >= maxWaitingPerThread)
      return Promise.reject(new Fault('signatures-busy', { waiting: waiting.size }))
    const id = ++lastId
    worker.postMessage({ ...work, id })
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
  }

  const failed = (done: JobDone) => new Error('threw' in done ? done.threw : 'another job was answered')

  return {
    threads: all.length,
    get waiting() {
      return all.reduce((sum, { waiting }) => sum + waiting.size, 0)
    },
    async findSigners(signed, withItems) {
      const done = await run(checking, { kind: 'find', signed, withItems })
      if (!('found' in done)) throw failed(done)
      return done.found
    },
    async sign(hashes) {
      const done = await run([signing], { kind: 'sign', hashes })
      if (!('signatures' in done)) throw failed(done)
      return done.signatures
    },
    async signDecisions(decisions) {
      // The channels that a preimage will reveal stay here: a name for each item, and none of them is signed.
      const signable = decisions.map(({ promise, answer }) => ({ promise, answer }))
      const done = await run([signing], { kind: 'sign-decisions', decisions: signable })
      if (!('decided' in done)) throw failed(done)
      return done.decided
    },
    async close() {
      lost ??= new Fault('signature-thread-lost', { exitCode: 0 })
      Atomics.store(ending, 0, 1)
      await Promise.all(
        all.map(async ({ worker }) => {
          if (worker.threadId === -1) return
          // Else a process with nothing left to do ends here, and takes the thread down in native code.
          worker.ref()
          const exit = once(worker, 'exit')
          worker.postMessage({ id: 0, kind: 'none' } satisfies Job)
          await exit
        }),
      )
    },
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never
