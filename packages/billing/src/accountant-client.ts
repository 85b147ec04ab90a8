/**
 * Talks to one accountant over HTTP. What it answers is decoded here and believed nowhere: signatures are checked by who
 * acts on them.
 *
 * @module
 */

import {
  type Address,
  type ConsumerStanding,
  type Crypto,
  consumerStandingSchema,
  type Domain,
  decodeMessage,
  type ExchangeReply,
  encodeMessage,
  exchangeReplySchema,
  type FastExitReply,
  type FastExitTerms,
  Fault,
  fastExitReplySchema,
  fastExitSchema,
  maxBatchBytes,
  type PayoutOrder,
  type PayoutStanding,
  type ProviderStanding,
  payoutOrderSchema,
  payoutStandingSchema,
  providerStandingSchema,
  type RecoverReply,
  type RecoverRequest,
  type ResignReply,
  recoverReplySchema,
  recoverRequestSchema,
  resignReplySchema,
  revealSchema,
  type Schema,
  type SignedContent,
  signedContent,
  signRequest,
} from '@myst/protocol'
import { bodyOf } from './answer-body.ts'
import type { Clock } from './clock.ts'
import type { NodeKeys } from './keys.ts'

/** One of the network's accountants, as the profile names it. */
export interface AccountantInfo {
  readonly address: Address
  readonly operator: Address
  readonly url: string
}

export interface AccountantClient {
  exchange(batch: SignedContent): Promise<ExchangeReply>
  reveal(preimage: Uint8Array): Promise<void>
  /** What it answered before it was restored from an old backup. */
  recover(offer: RecoverRequest): Promise<RecoverReply>
  providerStanding(): Promise<ProviderStanding>
  consumerStanding(): Promise<ConsumerStanding>
  capacityStatement(): Promise<SignedContent>
  /** The newest promise, in the signature of the operator that holds now. */
  resign(): Promise<ResignReply>
  /** How the accountant is to pay us by itself. */
  payoutStanding(): Promise<PayoutStanding>
  /** @throws Fault `payout-refused` with why. */
  orderPayout(order: PayoutOrder): Promise<PayoutStanding>
  /** The operator's signature under a fast exit from one's own channel; the same exit may be asked for again. */
  fastExit(exit: FastExitTerms): Promise<FastExitReply>
}

/** Who has no answer by then asks again later; the same batch gets the same answer. */
const timeoutMs = 10_000
const payoutPath = '/v1/providers/me/payout'
/** An answer has the bound of a batch; its signature, and the frame around them. */
const maxAnswerBytes = maxBatchBytes + 4096
const noBody = new Uint8Array()

/** Every call throws Fault `accountant-unreachable`, or `accountant-refused` with its code. */
export function createAccountantClient(
  deps: { readonly crypto: Crypto; readonly clock: Clock },
  keys: NodeKeys,
  domain: Domain,
  { url }: AccountantInfo,
): AccountantClient {
  async function call(method: string, path: string, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const own = { identity: keys.identity, privateKey: keys.privateKey, nowMs: deps.clock.nowMs() }
    const headers: Record<string, string> = {
      authorization: signRequest(deps.crypto, domain, { method, path, body }, own),
    }
    if (body.length > 0) headers['content-type'] = 'application/cbor'
    let response: Response
    let answer: Uint8Array<ArrayBuffer>
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      response = await fetch(url + path, {
        method,
        headers,
        signal,
        ...(body.length > 0 ? { body: Buffer.from(body) } : {}),
      })
      answer = await bodyOf(response, { maxBytes: maxAnswerBytes })
    } catch (cause) {
      throw new Fault('accountant-unreachable', { url }, { cause })
    }
    if (response.ok) return answer
    throw new Fault('accountant-refused', {
      url,
      path,
      status: response.status,
      why: new TextDecoder().decode(answer.slice(0, 400)),
    })
  }

  async function ask<T>(schema: Schema<T>, method: string, path: string, body: Uint8Array = noBody): Promise<T> {
    const decoded = decodeMessage(schema, await call(method, path, body), maxAnswerBytes)
    if (decoded.ok) return decoded.value
    throw new Fault('accountant-unreachable', { url, path, why: decoded.refusal.code })
  }

  return {
    exchange: (batch) =>
      ask(exchangeReplySchema, 'POST', '/v1/exchange', encodeMessage(signedContent(maxBatchBytes), batch)),
    reveal: async (preimage) => {
      await call('POST', '/v1/reveal', encodeMessage(revealSchema, { preimage }))
    },
    recover: (offer) => ask(recoverReplySchema, 'POST', '/v1/recover', encodeMessage(recoverRequestSchema, offer)),
    providerStanding: () => ask(providerStandingSchema, 'GET', '/v1/providers/me'),
    consumerStanding: () => ask(consumerStandingSchema, 'GET', '/v1/consumers/me'),
    resign: () => ask(resignReplySchema, 'POST', '/v1/resign'),
    capacityStatement: () => ask(signedContent(1024), 'POST', '/v1/capacity-statement'),
    payoutStanding: () => ask(payoutStandingSchema, 'GET', payoutPath),
    async orderPayout(order) {
      try {
        return await ask(payoutStandingSchema, 'PUT', payoutPath, encodeMessage(payoutOrderSchema, order))
      } catch (fault) {
        throw payoutRefusalIn(fault) ?? fault
      }
    },
    fastExit: (exit) => ask(fastExitReplySchema, 'POST', '/v1/fast-exit', encodeMessage(fastExitSchema, exit)),
  }
}

/** 422: a wish of ours that it can't grant, with its code. */
function payoutRefusalIn(fault: unknown): Fault | undefined {
  if (!(fault instanceof Fault) || fault.facts.status !== 422) return undefined
  try {
    const { code, message, facts } = JSON.parse(String(fault.facts.why)) as Record<string, unknown>
    const atLeast = (facts as { atLeast?: unknown } | undefined)?.atLeast
    return new Fault('payout-refused', {
      code: String(code),
      why: String(message),
      ...(atLeast === undefined ? {} : { atLeast: String(atLeast) }),
    })
  } catch {
    return undefined
  }
}
