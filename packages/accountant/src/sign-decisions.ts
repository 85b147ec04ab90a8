/**
 * The operator's signatures on what the ledger decided: the promise, and the answer around it. A group of decisions is two
 * rounds, whatever its size.
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
import { answerContentOf, type Decision, type SignDecisions } from './ledger/index.ts'

/** The operator's key, wherever it is: one signature for each hash, deterministic (RFC 6979), in their order. */
export type SignHashes = (hashes: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>

export function createSigner(crypto: Crypto, domain: Domain, sign: SignHashes): SignDecisions {
  return async (decisions) => {
    const hashes = decisions.map(({ promise }) => hashTypedData(crypto, domain, accountantPromiseStruct, promise))
    const promises = await sign(hashes)
    const contents = decisions.map((decision, index) => answerContentOf(decision, promises[index] as Uint8Array))
    const answers = await sign(contents.map((content) => hashContent(crypto, domain, batchAnswerContent, content)))
    return decisions.map((_: Decision, index) => ({
      promiseSignature: promises[index] as Uint8Array,
      answer: { content: contents[index] as Uint8Array, signature: answers[index] as Uint8Array },
    }))
  }
}
