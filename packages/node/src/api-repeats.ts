/**
 * Repeated writes: who lost the answer to a write asks again with the same `Idempotency-Key`, and gets that answer; nothing is
 * done a second time.
 *
 * What failed is forgotten, so that it can be tried again. For how long, and why not on disk: `docs/decisions/0022-repeats.md`.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { ApiRefusalCode } from '@myst/api'
import { Fault } from '@myst/protocol'

export interface Repeats {
  /**
   * @param request all of it that has a meaning.
   * @throws Fault `idempotency-key-invalid`, or `idempotency-key-reused` where the key was another request's.
   */
  once<T>(key: string, request: readonly string[], work: () => Promise<T>): Promise<T>
}

/** A client that keeps none of its keys for a second try needs few of them; an answer has some 500 bytes. */
const maxKeptAnswers = 1000
/** A UUID has 36. */
const keyPattern = /^[\x21-\x7e]{1,128}$/

export function createRepeats(): Repeats {
  const kept = new Map<string, { readonly digest: string; readonly answer: Promise<unknown> }>()

  return {
    async once<T>(key: string, request: readonly string[], work: () => Promise<T>): Promise<T> {
      if (!keyPattern.test(key)) throw new Fault('idempotency-key-invalid' satisfies ApiRefusalCode)
      const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex')
      const before = kept.get(key)
      if (before !== undefined) {
        if (before.digest !== digest) throw new Fault('idempotency-key-reused' satisfies ApiRefusalCode, { key })
        return before.answer as Promise<T>
      }
      const answer = work()
      kept.set(key, { digest, answer })
      for (const old of [...kept.keys()].slice(0, -maxKeptAnswers)) kept.delete(old)
      try {
        return await answer
      } catch (fault) {
        if (kept.get(key)?.answer === answer) kept.delete(key)
        throw fault
      }
    },
  }
}
