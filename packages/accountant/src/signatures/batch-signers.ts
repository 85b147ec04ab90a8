/**
 * Who signed a batch and each promise in it: the costly part of an exchange, which needs no state.
 *
 * @module
 */

import {
  type Address,
  type Bytes32,
  batchContent,
  type ChannelFactory,
  type Crypto,
  channelAddress,
  channelSeparator,
  decodeMessage,
  digestOf,
  hashDigest,
  maxBatchBytes,
  recoverUnderSeparator,
  type SignedContent,
  type SignedPromise,
} from '@myst/protocol'
import { cacheSeparators } from './separator-cache.ts'

/** Where an accountant's batches are valid. */
export interface BatchPlace {
  readonly chainId: bigint
  readonly accountant: Address
  readonly contracts: ChannelFactory
}

export interface BatchSigners {
  /** keccak256 of the batch's bytes. */
  readonly digest: Bytes32
  readonly isSignedByProvider: boolean
  /**
   * A byte for each item: not zero where the consumer named in it signed it, in the domain of her channel with this
   * accountant. None where the batch's own signature is not its provider's: nobody pays for a stranger's thousand promises.
   */
  readonly signed: Uint8Array
}

export type FindSigners = (signed: SignedContent, withItems: boolean) => BatchSigners

/** @returns a function that throws nothing: what does not decode is signed by nobody. */
export function createSignerFinder(crypto: Crypto, { chainId, accountant, contracts }: BatchPlace): FindSigners {
  const domain = { chainId, verifyingContract: accountant }
  const separatorOf = cacheSeparators((consumer) =>
    channelSeparator(crypto, { chainId, channel: channelAddress(crypto, contracts, consumer, accountant) }),
  )

  return (signed, withItems) => {
    const digest = digestOf(crypto, signed.content)
    const nobody = { digest, isSignedByProvider: false, signed: none }
    const decoded = decodeMessage(batchContent.schema, signed.content, maxBatchBytes)
    if (!decoded.ok) return nobody
    const { provider, items } = decoded.value
    const signable = hashDigest(crypto, domain, batchContent, digest)
    if (crypto.recover(signable, signed.signature) !== provider) return nobody
    if (!withItems) return { digest, isSignedByProvider: true, signed: none }
    const isSigned = ({ consumer, promise, signature }: SignedPromise) =>
      recoverUnderSeparator(crypto, separatorOf(consumer), promise, signature) === consumer
    return { digest, isSignedByProvider: true, signed: Uint8Array.from(items, (item) => Number(isSigned(item))) }
  }
}

const none = new Uint8Array(0)
