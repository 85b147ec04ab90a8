/**
 * Talks to one transactor over HTTP.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { bodyOf } from '@myst/billing'
import {
  decodeMessage,
  encodeMessage,
  Fault,
  maxMessageBytes,
  type Quote,
  quoteSchema,
  type Schema,
  type TransactorCall,
  type TransactorRequest,
  type TransactorState,
  transactorRequestSchema,
  transactorStateSchema,
} from '@myst/protocol'

export interface TransactorClient {
  /** Its URL; `wallet` where the node sends what it signed itself. */
  readonly name: string
  /** `gas` in the chain's coin, where that is paid besides. */
  quote(call: TransactorCall): Promise<Quote & { readonly gas?: bigint }>
  /**
   * Waits for its end, as long as a chain may take to confirm it; after that the state is `waiting`, and the same request
   * asks for it again.
   *
   * @throws Fault `transactor-refused` with its code, `transactor-unreachable`.
   */
  carry(request: TransactorRequest): Promise<TransactorState>
}

/** A transactor answers within a minute, if only to say that a request is still waiting. */
const timeoutMs = 90_000
/** Twelve blocks of twelve seconds are 144 s; who asks us waits 200. */
const endWithinMs = 180_000
/** A block takes seconds on most chains; the transactor answers from memory. */
const askAgainMs = 1_000

export function createTransactorClient(url: string): TransactorClient {
  async function ask<T>(schema: Schema<T>, path: string, body?: Uint8Array): Promise<T> {
    let response: Response
    let answer: Uint8Array
    try {
      const post = body && { method: 'POST', headers: { 'content-type': 'application/cbor' }, body: Buffer.from(body) }
      response = await fetch(url + path, { ...post, signal: AbortSignal.timeout(timeoutMs) })
      answer = await bodyOf(response, { maxBytes: maxMessageBytes })
    } catch (cause) {
      throw new Fault('transactor-unreachable', { url }, { cause })
    }
    if (!response.ok) {
      throw new Fault('transactor-refused', { url, why: new TextDecoder().decode(answer.subarray(0, 300)) })
    }
    const decoded = decodeMessage(schema, answer)
    if (decoded.ok) return decoded.value
    throw new Fault('transactor-unreachable', { url, why: decoded.refusal.code })
  }

  return {
    name: url,
    quote: (call) => ask(quoteSchema, `/v1/quotes/${call}`),
    async carry(request) {
      const deadlineMs = performance.now() + endWithinMs
      let state = await ask(transactorStateSchema, '/v1/requests', encodeMessage(transactorRequestSchema, request))
      while (state.status === 'waiting' && performance.now() < deadlineMs) {
        await wait(askAgainMs)
        state = await ask(transactorStateSchema, `/v1/requests/${state.id}`)
      }
      return state
    },
  }
}
