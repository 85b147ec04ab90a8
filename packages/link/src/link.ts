/**
 * A link: an authenticated, encrypted, multiplexed connection between two nodes.
 *
 * Three things travel on it, each under a protocol name `/myst/<noun>/<major>.<minor>`: requests with one answer,
 * byte streams with flow control, and unordered datagrams. Peers are named by their Ed25519 transport key; which
 * identity stands behind a key is the business of who uses the link.
 *
 * @module
 */

import type { Duplex } from 'node:stream'

/** 32 bytes, Ed25519 public key. */
export type TransportKey = Uint8Array

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface LinkNode {
  readonly publicKey: TransportKey
  /** Resolves when links to this key are accepted. @throws Fault `network-unreachable`. */
  listen(): Promise<void>
  /** @throws Fault `peer-not-found`, `peer-unreachable` (found, but no path), or the signal's reason. */
  connect(key: TransportKey, options?: ConnectOptions): Promise<Link>
  /** Called for each link that another node opened to us, before any of its messages is handled. */
  onLink(handler: (link: Link) => void): void
  /** Makes our key findable under a topic (32 bytes), until the handle is closed. */
  announce(topic: Uint8Array): Promise<{ close(): Promise<void> }>
  lookup(topic: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<readonly TransportKey[]>
  /** Our address as the network sees it; undefined before the network was reached. `symmetric`: the port differs by destination. */
  reflexive(): (Endpoint & { readonly symmetric: boolean }) | undefined
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly signal?: AbortSignal
  /** Dial with a fresh key of its own instead of the node's: consumers do, so that links cannot be matched. */
  readonly ephemeral?: boolean
  /** Registers handlers on the new link before any of the other side's messages is handled. Without it they are handled a turn after `connect` resolves. */
  readonly setup?: (link: Link) => void
}

export interface RequestOptions {
  readonly signal?: AbortSignal
  /** Default 10 s. */
  readonly timeoutMs?: number
}

/** Answers a request. A thrown `Fault` reaches the asker with its code; anything else as `internal`, without its text. */
export type RequestHandler = (body: Uint8Array) => Promise<Uint8Array> | Uint8Array

export interface Link {
  readonly localKey: TransportKey
  readonly remoteKey: TransportKey
  /** The remote's outer address as seen here: shown to people, used to keep it outside a tunnel, for buckets per prefix. */
  readonly remoteEndpoint: Endpoint
  /** Unique to this link and equal at both ends (Noise handshake hash, 32+ bytes): sign over it and a proof can't be transplanted. */
  readonly handshakeHash: Uint8Array
  /** True while its packets pass through a relay. */
  readonly relayed: boolean

  /** @throws Fault `link-closed`, `request-timeout`, `protocol-unknown`, or the code that the other side's handler threw. */
  request(protocol: string, body: Uint8Array, options?: RequestOptions): Promise<Uint8Array>
  /** One handler a protocol and link. */
  onRequest(protocol: string, handler: RequestHandler): void

  openStream(protocol: string, header: Uint8Array): Promise<Duplex>
  onStream(protocol: string, handler: (stream: Duplex, header: Uint8Array) => void): void

  /** False where it was dropped here: too large or closed. Duplicates are removed by a replay window; order is not kept. */
  sendDatagram(protocol: string, bytes: Uint8Array): boolean
  onDatagram(protocol: string, handler: (bytes: Uint8Array) => void): void
  readonly maxDatagramBytes: number

  /** Ends the link; the other side learns `reason` while the path lives. */
  close(reason?: string): Promise<void>
  /** Resolves once, when the link is gone, with why. Never rejects. */
  readonly closed: Promise<string>
}
