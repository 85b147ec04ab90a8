/**
 * Talks to one transactor over HTTP.
 *
 * @module
 */

import {
  decodeMessage,
  encodeMessage,
  Fault,
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
  quote(call: TransactorCall): Promise<Quote>
  /** @throws Fault `transactor-refused` with its code, `transactor-unreachable`. */
  carry(request: TransactorRequest): Promise<TransactorState>
}

/** A transaction may wait for a block or two. */
const timeoutMs = 90_000

export function createTransactorClient(url: string): TransactorClient {
  async function ask<T>(schema: Schema<T>, path: string, body?: Uint8Array): Promise<T> {
    let response: Response
    let answer: Uint8Array
    try {
      const post = body && { method: 'POST', headers: { 'content-type': 'application/cbor' }, body: Buffer.from(body) }
      response = await fetch(url + path, { ...post, signal: AbortSignal.timeout(timeoutMs) })
      answer = new Uint8Array(await response.arrayBuffer())
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
    quote: (call) => ask(quoteSchema, `/v1/quotes/${call}`),
    carry: (request) => ask(transactorStateSchema, '/v1/requests', encodeMessage(transactorRequestSchema, request)),
  }
}
