/**
 * Checks a session request before anything is opened for it. Cheap checks first, signatures last.
 *
 * @module
 */

import { type AccountantInfo, type CapacityRefusal, refusalOf } from '@myst/billing'
import {
  type Address,
  accept,
  type CapacityStatement,
  type Crypto,
  capacityStatementContent,
  channelAddress,
  decodeMessage,
  equalBytes,
  type NetworkProfile,
  openContent,
  type Price,
  refuse,
  requestLifetimeMs,
  type SessionRequest,
  type SignedContent,
  sessionRequestContent,
  type Verdict,
} from '@myst/protocol'

export type SessionRefusal =
  | { readonly code: 'session-request-malformed' }
  | { readonly code: 'session-wrong-network' }
  | { readonly code: 'session-wrong-provider' }
  | { readonly code: 'session-wrong-link' }
  | { readonly code: 'session-request-stale' }
  | { readonly code: 'session-service-unknown' }
  | { readonly code: 'session-price-changed' }
  | { readonly code: 'session-accountant-not-accepted' }
  | { readonly code: 'session-wrong-channel' }
  | { readonly code: 'session-wrong-signer' }
  | CapacityRefusal

export interface SessionOffer {
  readonly profile: NetworkProfile
  readonly provider: Address
  /** The link's, which the request must be signed for. */
  readonly handshakeHash: Uint8Array
  readonly nowMs: number
  readonly accountants: readonly AccountantInfo[]
  /** Least free capacity of a channel that is served. */
  readonly leastFree: bigint
  /** The price signed in the proposal of this service and seq; undefined for none. */
  priceOf(serviceType: string, seq: bigint): Price | undefined
}

export interface CheckedRequest {
  readonly request: SessionRequest
  readonly accountant: AccountantInfo
  readonly statement: CapacityStatement
}

export function checkSessionRequest(
  crypto: Crypto,
  signed: SignedContent,
  offer: SessionOffer,
): Verdict<SessionRefusal, CheckedRequest> {
  const decoded = decodeMessage(sessionRequestContent.schema, signed.content, sessionRequestContent.maxBytes)
  if (!decoded.ok) return refuse({ code: 'session-request-malformed' })
  const request = decoded.value
  const { networkId, contracts, chainId } = offer.profile
  if (request.networkId !== networkId) return refuse({ code: 'session-wrong-network' })
  if (request.provider !== offer.provider) return refuse({ code: 'session-wrong-provider' })
  if (!equalBytes(request.handshakeHash, offer.handshakeHash)) return refuse({ code: 'session-wrong-link' })
  if (Math.abs(offer.nowMs - Number(request.issuedAtMs)) > requestLifetimeMs) {
    return refuse({ code: 'session-request-stale' })
  }
  const price = offer.priceOf(request.serviceType, request.proposalSeq)
  if (price === undefined) return refuse({ code: 'session-service-unknown' })
  if (price.perGib !== request.price.perGib || price.perHour !== request.price.perHour) {
    return refuse({ code: 'session-price-changed' })
  }
  const accountant = offer.accountants.find(({ address }) => address === request.accountant)
  if (accountant === undefined) return refuse({ code: 'session-accountant-not-accepted' })
  if (channelAddress(crypto, contracts, request.consumer, accountant.address) !== request.channel) {
    return refuse({ code: 'session-wrong-channel' })
  }
  const opened = openContent(crypto, { networkId }, sessionRequestContent, signed, request.consumer)
  if (!opened.ok) return refuse({ code: 'session-wrong-signer' })
  const domain = { chainId, verifyingContract: accountant.address }
  const statement = openContent(crypto, domain, capacityStatementContent, request.capacity, accountant.operator)
  if (!statement.ok) return refuse({ code: 'session-capacity-unproven' })
  const { channel, consumer } = request
  const { nowMs, leastFree } = offer
  const refusal = refusalOf(statement.value, { channel, consumer, nowMs, leastFree })
  return refusal === undefined ? accept({ request, accountant, statement: statement.value }) : refuse(refusal)
}
