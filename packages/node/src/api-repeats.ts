/**
 * Repeated writes: who lost the answer to a write asks again with the same `Idempotency-Key`, and gets that answer; nothing is
 * done a second time.
 *
 * What failed is forgotten, so that it can be tried again. For how long, and why not on disk: `docs/decisions/0022-repeats.md`.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { type ApiRefusalCode, idempotencyKeyPattern } from '@myst/api'
import { Fault } from '@myst/protocol'

export interface Repeats {
  /**
   * @param request all of it that has a meaning.
   * @throws Fault `idempotency-key-invalid`, or `idempotency-key-reused` where the key was another request's.
   */
  once<T>(key: string, request: readonly string[], work: () => Promise<T>): Promise<T>
}

/**
 * A client that keeps none of its keys for a second try needs few of them; an answer has some 500 bytes. What is still under
 * way is none of them: it would be done a second time.
 */
const maxKeptAnswers = 1000

export function createRepeats(): Repeats {
  const kept = new Map<string, { readonly digest: string; readonly answer: Promise<unknown> }>()
  /** Of `kept`, those that have been answered, oldest first. */
  const settled = new Set<string>()

  return {
    async once<T>(key: string, request: readonly string[], work: () => Promise<T>): Promise<T> {
      if (!idempotencyKeyPattern.test(key)) throw new Fault('idempotency-key-invalid' satisfies ApiRefusalCode)
      const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex')
      const before = kept.get(key)
      if (before !== undefined) {
        if (before.digest !== digest) throw new Fault('idempotency-key-reused' satisfies ApiRefusalCode, { key })
        return before.answer as Promise<T>
      }
      const answer = work()
      kept.set(key, { digest, answer })
      try {
        const answered = await answer
        settled.add(key)
        for (const old of [...settled].slice(0, -maxKeptAnswers)) {
          settled.delete(old)
          kept.delete(old)
        }
        return answered
      } catch (fault) {
        kept.delete(key)
        throw fault
      }
    },
  }
}
