/**
 * Payment promise: a signed, cumulative IOU drawn on one channel.
 *
 * A promise states all that the channel owes so far. A newer promise therefore replaces every
 * older one, and settling them in any order, with any gaps, pays each token once.
 *
 * Source: Accountant pattern paper, §4.2 (cumulative amounts), §4.4 (hashlock).
 *
 * @module
 */

import { type Address, type Bytes32, toHex, zeroBytes32 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { domainSeparator, hashStruct, hashTypedData, hashUnderSeparator, struct, type ValueOf } from './typed-data.ts'

export const agreementStruct = struct('Agreement', { id: 'bytes32', provider: 'address', total: 'uint256' })
const ticksStruct = struct('Ticks', { root: 'bytes32', value: 'uint256', max: 'uint256' })
export const paymentPromiseStruct = struct('PaymentPromise', {
  amount: 'uint256',
  hashlock: 'bytes32',
  agreement: agreementStruct,
  ticks: ticksStruct,
})

/** What a payment is for: `total` is all this session has cost so far. Keyed by (channel, provider, id). */
export type Agreement = ValueOf<typeof agreementStruct>
/** Reserved for hash-chain payments between signatures. */
export type Ticks = ValueOf<typeof ticksStruct>

export interface PaymentPromise {
  /** All the channel has promised so far, to everybody, not the step since the last promise. MYST base units. */
  readonly amount: bigint
  /** keccak256 of the preimage; the provider alone knows the preimage. */
  readonly hashlock: Bytes32
  /** What the payment is for. The channel contract sees only its struct hash. */
  readonly agreement: Agreement
  readonly ticks: Ticks
}

export interface SignedPromise {
  /** The identity whose channel this is drawn on; the signature must recover to it. */
  readonly consumer: Address
  readonly promise: PaymentPromise
  /** 65 bytes, canonical. */
  readonly signature: Uint8Array
}

export const noTicks: Ticks = Object.freeze({ root: zeroBytes32, value: 0n, max: 0n })

/** Where a promise is valid: the contract it is drawn on, and its chain. */
export interface ChannelDomain {
  readonly chainId: bigint
  readonly channel: Address
}

/**
 * Hashes a promise for signing.
 *
 * EIP-712: struct `PaymentPromise`, domain of the channel (name "Mysterium Payments", version "1").
 * `ConsumerChannel.settle` recovers the signer from the same 32 bytes; `vectors/promise.json` holds both sides to it.
 */
export function hashPromise(crypto: Crypto, { chainId, channel }: ChannelDomain, promise: PaymentPromise): Uint8Array {
  return hashTypedData(crypto, { chainId, verifyingContract: channel }, paymentPromiseStruct, promise)
}

/** What `settle` and `hold` receive in place of the agreement: the channel neither needs nor learns who was paid. */
export function hashAgreement(crypto: Crypto, agreement: Agreement): Bytes32 {
  return toHex(hashStruct(crypto, agreementStruct, agreement))
}

export function recoverPromiseSigner(
  crypto: Crypto,
  channel: ChannelDomain,
  promise: PaymentPromise,
  signature: Uint8Array,
): Address | undefined {
  return recoverUnderSeparator(crypto, channelSeparator(crypto, channel), promise, signature)
}

/** The channel's domain separator, 32 bytes: kept by whoever checks many promises of it. */
export const channelSeparator = (crypto: Crypto, { chainId, channel }: ChannelDomain): Uint8Array =>
  domainSeparator(crypto, { chainId, verifyingContract: channel })

export const recoverUnderSeparator = (
  crypto: Crypto,
  separator: Uint8Array,
  promise: PaymentPromise,
  signature: Uint8Array,
): Address | undefined =>
  crypto.recover(hashUnderSeparator(crypto, separator, hashStruct(crypto, paymentPromiseStruct, promise)), signature)
