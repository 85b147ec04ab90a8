/**
 * A thread that checks and makes signatures. `workerData` is its `WorkerPlace`; each message is a `Job`, and is answered with
 * a `JobDone` of the same id. It ends by itself once `ending` says so: a thread that is terminated in native code takes the
 * process with it.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads'
import { loadNativeCrypto } from '@myst/crypto-native'
import { assert, type SignedContent } from '@myst/protocol'
import type { Decision, SignedDecision } from '../ledger/answer.ts'
import { signDecision } from '../sign-decisions.ts'
import { type BatchPlace, type BatchSigners, createSignerFinder } from './batch-signers.ts'

export interface WorkerPlace extends BatchPlace {
  /** Absent where a signer has it: then nothing is signed here. */
  readonly operatorKey?: Uint8Array | undefined
  /** Shared: not zero when no more jobs are wanted. */
  readonly ending: Int32Array
}

export type Job = { readonly id: number } & (
  | { readonly kind: 'find'; readonly signed: SignedContent; readonly withItems: boolean }
  | { readonly kind: 'sign'; readonly hashes: readonly Uint8Array[] }
  | { readonly kind: 'sign-decisions'; readonly decisions: readonly Decision[] }
  /** Wakes a thread that is to end. */
  | { readonly kind: 'none' }
)
/** @property threw a message: only a bug makes a job throw. */
export type JobDone = { readonly id: number } & (
  | { readonly found: BatchSigners }
  | { readonly signatures: readonly Uint8Array[] }
  | { readonly decided: readonly SignedDecision[] }
  | { readonly threw: string }
)

const { operatorKey, ending, ...place } = workerData as WorkerPlace
const crypto = await loadNativeCrypto()
const domain = { chainId: place.chainId, verifyingContract: place.accountant }
const findSigners = createSignerFinder(crypto, place)
const port = parentPort
assert(port !== null, 'worker.ts runs as a worker')

port.on('message', (job: Job) => {
  if (Atomics.load(ending, 0) !== 0) port.close()
  else port.postMessage(done(job))
})

function done(job: Job): JobDone {
  const { id } = job
  try {
    if (job.kind === 'find') return { id, found: findSigners(job.signed, job.withItems) }
    if (job.kind === 'none') return { id, signatures: [] }
    assert(operatorKey !== undefined, 'signs with a key that is elsewhere')
    if (job.kind === 'sign-decisions') {
      return { id, decided: job.decisions.map((decision) => signDecision(crypto, domain, decision, operatorKey)) }
    }
    return { id, signatures: job.hashes.map((hash) => crypto.sign(hash, operatorKey)) }
  } catch (cause) {
    return { id, threw: (cause as Error).message }
  }
}
