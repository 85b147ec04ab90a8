/**
 * The Local VPN Connection API: one interface over different ways of carrying a consumer's traffic to a provider's exit.
 *
 * A driver has two sides. The provider `offer`s a service once and `accept`s sessions on it; the consumer `prepare`s
 * (keys, parameters for the session request) and `open`s with what the provider answered. A driver knows nothing of
 * payment, identity or discovery: it moves bytes, counts them, and can be paused at once.
 *
 * Source: Closer Look (2016), "Local VPN Connection API".
 *
 * @module
 */

import type { Duplex } from 'node:stream'
import type { ExitPolicy } from './exit-policy.ts'

/** Bytes at the inner side of the tunnel, since the session began, from the consumer's side: sent = towards the exit. */
export interface TrafficStats {
  readonly sentBytes: bigint
  readonly receivedBytes: bigint
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What a driver may use of the authenticated link between the two parties. Scoped to one session by its owner. */
export interface Carrier {
  /** Opens a byte stream to the other side; `header` arrives with it, whole (≤ 1 KiB). */
  openStream(header: Uint8Array): Promise<Duplex>
  /** Streams that the other side opens. One handler; a stream that arrives while there is none is destroyed. */
  onStream(handler: (stream: Duplex, header: Uint8Array) => void): void
  /** Unordered, unacknowledged, encrypted. False where it was dropped here (too large, closed). */
  sendDatagram(bytes: Uint8Array): boolean
  onDatagram(handler: (bytes: Uint8Array) => void): void
  readonly maxDatagramBytes: number
}

/** How a tunnel's own packets travel. A tunnel starts on its carrier and may be moved to a punched UDP path while it runs. */
export type TunnelPath =
  | { readonly kind: 'carrier' }
  | { readonly kind: 'direct'; readonly localPort: number; readonly remote: Endpoint }

export interface ProviderDriver {
  readonly serviceType: string
  /** Readies what all sessions share (interface, NAT, firewall). @throws Fault `driver-unavailable` with what is missing. */
  offer(config: OfferConfig): Promise<Offer>
}

export interface OfferConfig {
  /** Where consumers may go; applied to every packet or every resolved address, at forward time. */
  readonly policy: ExitPolicy
  /** Which of this machine's addresses consumers leave by, for user-space drivers; the system chooses where absent. */
  readonly egressAddress?: string
}

export interface Offer {
  /** @throws Fault `parameters-invalid` where the consumer's parameters are not this driver's. */
  accept(session: SessionOffer): Promise<ProviderTunnel>
  close(): Promise<void>
}

export interface SessionOffer {
  readonly sessionId: string
  /** From the consumer's session request, driver-specific, untrusted. */
  readonly parameters: Uint8Array
  readonly carrier: Carrier
}

export interface ProviderTunnel {
  /** For the consumer, driver-specific; travels in the session's accept. */
  readonly parameters: Uint8Array
  stats(): TrafficStats | Promise<TrafficStats>
  /** Forwards nothing until `resume`; existing flows stay open where the protocol allows. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Readies the path and returns; packets go there once the consumer is heard on it. Before the consumer's `usePath`. */
  usePath?(path: TunnelPath): Promise<void>
  close(): Promise<void>
}

export interface ConsumerDriver {
  readonly serviceType: string
  prepare(options: ConsumerOptions): Promise<PreparedTunnel>
}

export interface ConsumerOptions {
  /** Drivers that listen for local programs (SOCKS5) bind here; port 0 picks a free one. */
  readonly listen?: Endpoint
  /** The other party's outer addresses: what must stay outside a tunnel that takes the default route. */
  readonly keepOutside?: readonly string[]
}

export interface PreparedTunnel {
  /** For the provider, driver-specific; travels in the session request. */
  readonly parameters: Uint8Array
  open(parameters: Uint8Array, carrier: Carrier): Promise<ConsumerTunnel>
  close(): Promise<void>
}

export interface ConsumerTunnel {
  /** For people: `socks5://127.0.0.1:1080`, `wireguard interface myst0`. */
  readonly description: string
  /** Where a local program can enter, for drivers that listen. */
  readonly listening?: Endpoint
  stats(): TrafficStats | Promise<TrafficStats>
  /**
   * Moves while traffic flows, and returns when the provider was heard on the new path. Once the provider is ready.
   *
   * @throws Fault `path-dead`; the tunnel is on its carrier then, and the provider is to be told.
   */
  usePath?(path: TunnelPath): Promise<void>
  close(): Promise<void>
}
