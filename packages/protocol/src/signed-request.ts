/**
 * A single HTTP request that carries who asks: method, path and body, signed for one accountant and a minute.
 *
 * The header is `authorization: Myst <base64 of the signed content>`.
 *
 * @module
 */

import { type Address, toHex } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { accept, refuse, type Verdict } from './failure.ts'
import { address, bytes32, decodeMessage, encodeMessage, field, message, text, uint } from './message.ts'
import { contentType, hashContent, recoverContentSigner, signContent, signedContent } from './signed-content.ts'
import type { Domain } from './typed-data.ts'

const requestSchema = message({
  signer: field(0, address),
  method: field(1, text(8)),
  path: field(2, text(256)),
  bodyHash: field(3, bytes32),
  issuedAtMs: field(4, uint(53)),
})
const requestContent = contentType('SignedRequest', requestSchema, 1024)
const headerSchema = signedContent(1024)
/** Before base64: a request of 1 KiB at most, its signature, and the frame around them. */
const maxHeaderBytes = 2048
const scheme = 'Myst '

/** Good for this long either side of its time: clocks differ, and a replay must be of no use. */
export const requestLifetimeMs = 60_000

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
}

export type RequestRefusal =
  | { readonly code: 'request-unsigned' }
  | { readonly code: 'request-malformed' }
  | { readonly code: 'request-stale'; readonly issuedAtMs: bigint }
  | { readonly code: 'request-for-other' }
  | { readonly code: 'request-wrong-signer'; readonly signer: Address }

/** @param sign one hash, with the key of `identity`. */
export async function signRequestWith(
  crypto: Crypto,
  domain: Domain,
  http: HttpRequest,
  own: { readonly identity: Address; readonly nowMs: number; sign(hash: Uint8Array): Promise<Uint8Array> },
): Promise<string> {
  const content = encodeMessage(requestSchema, requestOf(crypto, http, own))
  const signature = await own.sign(hashContent(crypto, domain, requestContent, content))
  return scheme + toBase64(encodeMessage(headerSchema, { content, signature }))
}

export function signRequest(
  crypto: Crypto,
  domain: Domain,
  http: HttpRequest,
  own: { readonly identity: Address; readonly privateKey: Uint8Array; readonly nowMs: number },
): string {
  const signed = signContent(crypto, domain, requestContent, requestOf(crypto, http, own), own.privateKey)
  return scheme + toBase64(encodeMessage(headerSchema, signed))
}

const requestOf = (
  crypto: Crypto,
  { method, path, body }: HttpRequest,
  { identity, nowMs }: { readonly identity: Address; readonly nowMs: number },
) => ({ signer: identity, method, path, bodyHash: toHex(crypto.keccak256(body)), issuedAtMs: BigInt(nowMs) })

/** @returns who signed this very request. */
export function openRequest(
  crypto: Crypto,
  domain: Domain,
  header: string | undefined,
  { method, path, body }: HttpRequest,
  nowMs: number,
): Verdict<RequestRefusal, Address> {
  if (header === undefined || !header.startsWith(scheme)) return refuse({ code: 'request-unsigned' })
  const encoded = fromBase64(header.slice(scheme.length))
  const signed = encoded && decodeMessage(headerSchema, encoded, maxHeaderBytes)
  if (!signed?.ok) return refuse({ code: 'request-malformed' })
  const request = decodeMessage(requestSchema, signed.value.content)
  if (!request.ok) return refuse({ code: 'request-malformed' })
  const { signer, issuedAtMs } = request.value
  const ageMs = nowMs - Number(issuedAtMs)
  if (Math.abs(ageMs) > requestLifetimeMs) return refuse({ code: 'request-stale', issuedAtMs })
  const same = request.value.method === method && request.value.path === path
  if (!same || request.value.bodyHash !== toHex(crypto.keccak256(body))) return refuse({ code: 'request-for-other' })
  if (recoverContentSigner(crypto, domain, requestContent, signed.value) !== signer) {
    return refuse({ code: 'request-wrong-signer', signer })
  }
  return accept(signer)
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function fromBase64(encoded: string): Uint8Array | undefined {
  if (encoded.length > 2 * maxHeaderBytes || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined
  try {
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}
