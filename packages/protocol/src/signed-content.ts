/**
 * Signed content: encoded bytes with a signature over their hash, for messages that no contract reads.
 *
 * What travels and is stored are the very bytes that were signed, so nothing is re-encoded to check a signature, and a
 * field of a newer version survives.
 *
 * @module
 */

import { type Address, type Bytes32, toHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { accept, refuse, type Verdict } from './failure.ts'
import {
  bytes,
  decodeMessage,
  encodeMessage,
  field,
  type MessageRefusal,
  maxMessageBytes,
  message,
  type Schema,
  signature,
} from './message.ts'
import { type Domain, hashTypedData, type Struct, struct } from './typed-data.ts'

export interface SignedContent {
  readonly content: Uint8Array
  readonly signature: Uint8Array
}

/** A kind of signed content: its name separates its signatures from those of every other kind. */
export interface ContentType<T> {
  readonly struct: Struct<{ readonly content: 'bytes32' }>
  readonly schema: Schema<T>
  readonly maxBytes: number
}

export const contentType = <T>(name: string, schema: Schema<T>, maxBytes = maxMessageBytes): ContentType<T> => ({
  struct: struct(name, { content: 'bytes32' }),
  schema,
  maxBytes,
})

export const signedContent = (maxBytes = maxMessageBytes): Schema<SignedContent> =>
  message({ content: field(0, bytes(maxBytes)), signature: field(1, signature) })

/** keccak256 of the bytes: a name for them. */
export const digestOf = (crypto: Crypto, content: Uint8Array): Bytes32 => toHex(crypto.keccak256(content))

/** What a signature of such content is over. 32 bytes. */
export const hashContent = <T>(crypto: Crypto, domain: Domain, type: ContentType<T>, content: Uint8Array) =>
  hashDigest(crypto, domain, type, digestOf(crypto, content))

/** The same, for who has the digest already: of a long content it is the larger part of the work. */
export const hashDigest = <T>(crypto: Crypto, domain: Domain, type: ContentType<T>, digest: Bytes32) =>
  hashTypedData(crypto, domain, type.struct, { content: digest })

export function signContent<T>(
  crypto: Crypto,
  domain: Domain,
  type: ContentType<T>,
  value: T,
  privateKey: Uint8Array,
): SignedContent {
  const content = encodeMessage(type.schema, value)
  return { content, signature: crypto.sign(hashContent(crypto, domain, type, content), privateKey) }
}

/** Who signed; undefined for nobody. */
export const recoverContentSigner = <T>(
  crypto: Crypto,
  domain: Domain,
  type: ContentType<T>,
  { content, signature }: SignedContent,
): Address | undefined => crypto.recover(hashContent(crypto, domain, type, content), signature)

export type ContentRefusal = MessageRefusal | { readonly code: 'content-wrong-signer'; readonly expected: Address }

/** Decodes what `expected` signed. Shape first, the signature last. */
export function openContent<T>(
  crypto: Crypto,
  domain: Domain,
  type: ContentType<T>,
  signed: SignedContent,
  expected: Address,
): Verdict<ContentRefusal, T> {
  const decoded = decodeMessage(type.schema, signed.content, type.maxBytes)
  if (!decoded.ok) return decoded
  if (recoverContentSigner(crypto, domain, type, signed) !== expected) {
    return refuse({ code: 'content-wrong-signer', expected })
  }
  return accept(decoded.value)
}
