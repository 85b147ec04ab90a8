/**
 * The operator's signatures on what the ledger decided: the promise, and the answer around it.
 *
 * @module
 */

import {
  accountantPromiseStruct,
  batchAnswerContent,
  type Crypto,
  type Domain,
  hashContent,
  hashTypedData,
} from '@myst/protocol'
import { answerContentOf, type Decision, type SignDecisions, type SignedDecision } from './ledger/answer.ts'

/** The operator's key, wherever it is: one signature for each hash, deterministic (RFC 6979), in their order. */
export type SignHashes = (hashes: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>

/** For a key that is not here: two rounds to it for a group. */
export function createSigner(crypto: Crypto, domain: Domain, sign: SignHashes): SignDecisions {
  return async (decisions) => {
    const promises = await sign(decisions.map((decision) => promiseHash(crypto, domain, decision)))
    const contents = decisions.map((decision, index) => answerContentOf(decision, promises[index] as Uint8Array))
    const answers = await sign(contents.map((content) => hashContent(crypto, domain, batchAnswerContent, content)))
    return decisions.map((_, index) => ({
      promiseSignature: promises[index] as Uint8Array,
      answer: { content: contents[index] as Uint8Array, signature: answers[index] as Uint8Array },
    }))
  }
}

/** For a key that is here. */
export function signDecision(crypto: Crypto, domain: Domain, decision: Decision, key: Uint8Array): SignedDecision {
  const promiseSignature = crypto.sign(promiseHash(crypto, domain, decision), key)
  const content = answerContentOf(decision, promiseSignature)
  const signature = crypto.sign(hashContent(crypto, domain, batchAnswerContent, content), key)
  return { promiseSignature, answer: { content, signature } }
}

const promiseHash = (crypto: Crypto, domain: Domain, { promise }: Decision): Uint8Array =>
  hashTypedData(crypto, domain, accountantPromiseStruct, promise)
