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
  maxBatchBytes,
  recoverContentSigner,
  recoverUnderSeparator,
  type SignedContent,
  toHex,
} from '@myst/protocol'

/** Where an accountant's batches are valid. */
export interface BatchPlace {
  readonly chainId: bigint
  readonly accountant: Address
  readonly contracts: ChannelFactory
}

export interface ItemSigner {
  /** Of (the item's consumer, this accountant), computed. */
  readonly channel: Address
  /** In that channel's domain; undefined: nobody. */
  readonly signer: Address | undefined
}

export interface BatchSigners {
  /** keccak256 of the batch's bytes. */
  readonly digest: Bytes32
  /** Empty where the batch's own signature is not its provider's: nobody pays for a stranger's thousand promises. */
  readonly items: readonly ItemSigner[]
  readonly isSignedByProvider: boolean
}

export type FindSigners = (signed: SignedContent, withItems: boolean) => BatchSigners

/** Channels are computed once for each consumer; some 300 bytes each, so 30 MiB at most. */
const maxChannels = 100_000

interface Channel {
  readonly address: Address
  readonly separator: Uint8Array
}

/** @returns a function that throws nothing: what does not decode is signed by nobody. */
export function createSignerFinder(crypto: Crypto, { chainId, accountant, contracts }: BatchPlace): FindSigners {
  const domain = { chainId, verifyingContract: accountant }
  const channels = new Map<Address, Channel>()

  function channelOf(consumer: Address): Channel {
    const known = channels.get(consumer)
    if (known !== undefined) return known
    const [oldest] = channels.size < maxChannels ? [] : channels.keys()
    if (oldest !== undefined) channels.delete(oldest)
    const address = channelAddress(crypto, contracts, consumer, accountant)
    const channel = { address, separator: channelSeparator(crypto, { chainId, channel: address }) }
    channels.set(consumer, channel)
    return channel
  }

  return (signed, withItems) => {
    const digest = toHex(crypto.keccak256(signed.content))
    const nobody = { digest, items: [], isSignedByProvider: false }
    const decoded = decodeMessage(batchContent.schema, signed.content, maxBatchBytes)
    if (!decoded.ok) return nobody
    const { provider, items } = decoded.value
    if (recoverContentSigner(crypto, domain, batchContent, signed) !== provider) return nobody
    if (!withItems) return { digest, items: [], isSignedByProvider: true }
    const signers = items.map(({ consumer, promise, signature }) => {
      const { address, separator } = channelOf(consumer)
      return { channel: address, signer: recoverUnderSeparator(crypto, separator, promise, signature) }
    })
    return { digest, items: signers, isSignedByProvider: true }
  }
}
