/**
 * Opens a session with a provider: link, request and accept, tunnel.
 *
 * @module
 */

import { type Clock, type NodeKeys, statementIn } from '@myst/billing'
import type { Link, LinkNode } from '@myst/link'
import type { PayerTerms } from '@myst/payments'
import {
  type CapacityStatement,
  type Crypto,
  decodeMessage,
  encodeMessage,
  Fault,
  type NetworkProfile,
  type Pace,
  type Proposal,
  type Schema,
  type SessionAccept,
  type SessionRequest,
  type SignedContent,
  sessionAcceptSchema,
  sessionProtocol,
  sessionRequestContent,
  signContent,
  type ToProvider,
  toProviderSchema,
} from '@myst/protocol'
import type { ConsumerDriver, ConsumerTunnel, Endpoint } from '@myst/vpn'
import { carrierOf } from '../session-carrier.ts'
import { type Inbox, openInbox } from './inbox.ts'

export interface DialDeps {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly linkNode: LinkNode
  readonly driver: ConsumerDriver
}

export interface DialOptions {
  readonly keys: NodeKeys
  readonly profile: NetworkProfile
  readonly accountant: CapacityStatement['consumer']
  readonly channel: CapacityStatement['channel']
  readonly pace: Pace
}

/** What one dial asks for. */
export interface Dial {
  readonly proposal: Proposal
  /** The accountant's statement of what our channel can still promise. */
  readonly capacity: SignedContent
  readonly budget?: bigint
  readonly listen?: Endpoint
  readonly signal: AbortSignal
}

export interface OpenedSession {
  readonly link: Link
  readonly inbox: Inbox
  readonly tunnel: ConsumerTunnel
  readonly accept: SessionAccept
  readonly terms: PayerTerms
  readonly shownCapacity: bigint
}

/** @throws Fault with the provider's refusal, or why it can't be reached; nothing stays open then. */
export async function dialProvider(deps: DialDeps, options: DialOptions, dial: Dial): Promise<OpenedSession> {
  let inbox: Inbox | undefined
  // Registered before the provider's first message can arrive.
  const setup = (link: Link) => {
    inbox = openInbox(link)
  }
  const { transportKey } = dial.proposal
  const link = await deps.linkNode.connect(transportKey, { ephemeral: true, setup, signal: dial.signal })
  try {
    return { link, inbox: inbox ?? openInbox(link), ...(await openOn(link, deps, options, dial)) }
  } catch (fault) {
    await link.close('session-not-opened')
    throw fault
  }
}

async function openOn(link: Link, deps: DialDeps, options: DialOptions, dial: Dial) {
  const { proposal, capacity, budget, listen, signal } = dial
  const { profile, pace } = options
  const keepOutside = [link.remoteEndpoint.host, ...profile.bootstrap.map(hostOf), ...serviceHosts(profile)]
  const prepared = await deps.driver.prepare({ keepOutside, ...(listen === undefined ? {} : { listen }) })
  try {
    const request = signRequest(link, prepared.parameters, deps, options, dial)
    const accept = await ask(link, sessionAcceptSchema, { kind: 'open', request }, { signal })
    const tunnel = await prepared.open(accept.parameters, carrierOf(link))
    const { provider, price } = proposal
    const { agreementId } = accept
    const terms: PayerTerms = { provider, agreementId, price, pace, ...(budget === undefined ? {} : { budget }) }
    return { tunnel, accept, terms, shownCapacity: statementIn(capacity).capacity }
  } catch (fault) {
    await prepared.close()
    throw fault
  }
}

function signRequest(
  { handshakeHash }: Link,
  parameters: Uint8Array,
  { crypto, clock }: DialDeps,
  { keys, profile, accountant, channel, pace }: DialOptions,
  { proposal, capacity, budget }: Dial,
): SignedContent {
  const { networkId } = profile
  const request: SessionRequest = {
    networkId,
    consumer: keys.identity,
    provider: proposal.provider,
    handshakeHash,
    serviceType: proposal.serviceType,
    serviceVersion: proposal.serviceVersion,
    proposalSeq: proposal.seq,
    price: proposal.price,
    accountant,
    channel,
    capacity,
    pace,
    parameters,
    issuedAtMs: BigInt(clock.nowMs()),
    ...(budget === undefined ? {} : { budget }),
  }
  return signContent(crypto, { networkId }, sessionRequestContent, request, keys.privateKey)
}

export async function ask<T>(
  link: Link,
  schema: Schema<T>,
  message: ToProvider,
  wait: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const answer = await link.request(sessionProtocol, encodeMessage(toProviderSchema, message), wait)
  const reply = decodeMessage(schema, answer)
  if (!reply.ok) throw new Fault('provider-answer-invalid', { code: reply.refusal.code })
  return reply.value
}

const hostOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'))

/** What must be reached beside the tunnel: chain, accountants, transactors. */
const serviceHosts = (profile: NetworkProfile): string[] =>
  [...profile.rpcUrls, ...profile.transactorUrls, ...profile.accountants.map(({ url }) => url)].map(
    (url) => new URL(url).hostname,
  )
