/**
 * Proposal: a provider's signed offer of one service, as the node database carries it.
 *
 * What is signed is the keccak256 of the encoded content, so a proposal travels as the very bytes its provider signed,
 * and a field that this version doesn't know survives. What was signed is what is paid.
 *
 * @module
 */

import type { Address } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { accept, refuse, type Verdict } from './failure.ts'
import {
  address,
  bytes,
  count,
  decodeMessage,
  field,
  flag,
  list,
  type MessageRefusal,
  message,
  oneOf,
  optional,
  type Schema,
  text,
  uint,
  type ValueOfSchema,
} from './message.ts'
import { contentType, recoverContentSigner, type SignedContent, signContent, signedContent } from './signed-content.ts'

export const proposalSchema = message({
  networkId: field(0, text(64)),
  provider: field(1, address),
  /** Ed25519 public key of the provider's node: the link proves it, the signature binds it to the identity. */
  transportKey: field(2, bytes(32, 32)),
  serviceType: field(3, text(32)),
  serviceVersion: field(4, count(65_535)),
  location: field(
    5,
    message({
      /** ISO 3166-1 alpha-2. */
      country: field(0, text(2)),
      region: optional(1, text(64)),
      city: optional(2, text(64)),
      asn: optional(3, count(4_294_967_295)),
      isp: optional(4, text(64)),
      ipType: optional(5, oneOf(['residential', 'mobile', 'hosting', 'business', 'other'])),
    }),
  ),
  price: field(6, message({ perHour: field(0, uint(256)), perGib: field(1, uint(256)) })),
  accountants: field(7, list(address, 16)),
  accessPolicies: optional(8, list(text(64), 16)),
  limits: optional(9, message({ mbps: optional(0, count(1_000_000)), sessions: optional(1, count(1_000_000)) })),
  natType: optional(10, text(32)),
  contact: optional(11, list(text(128), 8)),
  /** Higher replaces lower. */
  seq: field(12, uint(64)),
  expiresAtMs: field(13, uint(53)),
  /** A tombstone: the offer is taken back, and no lower seq revives it. */
  withdrawn: optional(14, flag),
})

export type Proposal = ValueOfSchema<typeof proposalSchema>

/** A proposal is read by thousands: it is small, or it is nothing. */
export const maxProposalBytes = 2048

/** The signed bytes with their signature: what is stored and passed on, unchanged. */
export type SignedProposal = SignedContent
export const signedProposalSchema: Schema<SignedProposal> = signedContent(maxProposalBytes)
const proposalContent = contentType('Proposal', proposalSchema, maxProposalBytes)

/** Lives 90 min, refreshed every 30; one that claims more was made to outlive its provider. */
export const proposalLifetimeMs = 90 * 60_000

export type ProposalRefusal =
  | MessageRefusal
  | { readonly code: 'proposal-wrong-network'; readonly networkId: string }
  | { readonly code: 'proposal-country-invalid'; readonly country: string }
  | { readonly code: 'proposal-expired'; readonly expiresAtMs: bigint }
  | { readonly code: 'proposal-outlives-limit'; readonly expiresAtMs: bigint }
  | { readonly code: 'proposal-wrong-signer'; readonly provider: Address }

export const signProposal = (crypto: Crypto, proposal: Proposal, privateKey: Uint8Array): SignedProposal =>
  signContent(crypto, { networkId: proposal.networkId }, proposalContent, proposal, privateKey)

/** Accepts what its provider signed for this network and is alive at `nowMs`. Cheapest check first, the signature last. */
export function checkProposal(
  crypto: Crypto,
  signed: SignedProposal,
  expected: { readonly networkId: string; readonly nowMs: number },
): Verdict<ProposalRefusal, Proposal> {
  const decoded = decodeMessage(proposalSchema, signed.content, maxProposalBytes)
  if (!decoded.ok) return decoded
  const { networkId, provider, expiresAtMs, location } = decoded.value
  if (networkId !== expected.networkId) return refuse({ code: 'proposal-wrong-network', networkId })
  if (!/^[A-Z]{2}$/.test(location.country)) {
    return refuse({ code: 'proposal-country-invalid', country: location.country })
  }
  if (expiresAtMs <= BigInt(expected.nowMs)) return refuse({ code: 'proposal-expired', expiresAtMs })
  if (expiresAtMs > BigInt(expected.nowMs + proposalLifetimeMs + clockLeewayMs)) {
    return refuse({ code: 'proposal-outlives-limit', expiresAtMs })
  }
  if (recoverContentSigner(crypto, { networkId }, proposalContent, signed) !== provider) {
    return refuse({ code: 'proposal-wrong-signer', provider })
  }
  return accept(decoded.value)
}

/** Two nodes' clocks may differ by this without a fresh proposal looking too long-lived. */
const clockLeewayMs = 5 * 60_000
