/**
 * A relay on a full node: forwards encrypted packets between two peers that both asked for it.
 *
 * Each side opens a control connection to the relay's key and names the pairing by a random token that only the two
 * sides know; the relay then forwards UDX packets in native code and cannot read them. A pairing lives as long as both
 * control connections. What a stranger can cost is bounded here, since `blind-relay` itself has no limits: control
 * connections per key, per /24 and in all, what one may say, and how long it may wait for its other half.
 *
 * @module
 */

/// <reference path="./hyperdht-module.d.ts" />

import { Server as BlindRelay } from 'blind-relay'
import type { SecretStream } from 'hyperdht'
import type { HyperdhtNode } from './hyperdht.ts'
import type { TransportKey } from './link.ts'

export interface RelayLimits {
  /** HyperDHT opens one control connection a relayed link. Default 8: as many links through one relay as a peer needs at once. */
  readonly pairingsPerKey?: number
  /** Keys are free to make, addresses are not. Default 64, a carrier NAT's share. */
  readonly pairingsPerPrefix?: number
  /** Default 1,024: two UDX streams and a connection each, about 100 MB in all. */
  readonly pairings?: number
  /** HyperDHT gives a pairing up after 15 s; so does the relay, a little later. */
  readonly pairingTimeoutMs?: number
}

export interface Relay {
  /** What peers name in `relays`. */
  readonly publicKey: TransportKey
  readonly stats: {
    /** Control connections open now; a relayed link has two. */
    readonly connections: number
    readonly refused: number
    /** Pairings that forward packets now. */
    readonly active: number
  }
  close(): Promise<void>
}

/** A pairing is asked for in 50 bytes, ended in 40; keep-alives are empty. The rest is room for retries. */
const maxControlBytes = 4 * 1024
/** The relay's connections answer keep-alives of 5 s; three may be lost. */
const silenceMs = 16_000

export async function createRelay(node: HyperdhtNode, limits: RelayLimits = {}): Promise<Relay> {
  const { pairingsPerKey = 8, pairingsPerPrefix = 64, pairings = 1024, pairingTimeoutMs = 20_000 } = limits
  const keyPair = node.derivedKeyPair('relay')
  const relay = new BlindRelay({ createStream: (options) => node.dht.createRawStream({ ...options, framed: true }) })
  const connections = new Map<SecretStream, { readonly key: string; readonly prefix: string }>()
  let refused = 0

  const isFull = (key: string, prefix: string): boolean => {
    if (connections.size >= 2 * pairings) return true
    const open = [...connections.values()]
    return (
      open.filter((connection) => connection.key === key).length >= pairingsPerKey ||
      open.filter((connection) => connection.prefix === prefix).length >= pairingsPerPrefix
    )
  }

  const server = node.dht.createServer(
    {
      firewall(remoteKey, _payload, address) {
        const full = isFull(remoteKey.toString('hex'), prefixOf(address.host))
        if (full) refused++
        return full
      },
      shareLocalAddress: false,
    },
    (socket) => {
      socket.on('error', () => {})
      socket.setTimeout(silenceMs)
      const key = socket.remotePublicKey.toString('hex')
      const prefix = prefixOf(socket.rawStream?.remoteHost ?? '')
      // Several handshakes may have passed the firewall before the first of them connected.
      if (isFull(key, prefix)) {
        refused++
        return socket.destroy()
      }
      connections.set(socket, { key, prefix })
      const stopWaiting = setTimeout(() => socket.destroy(), pairingTimeoutMs)
      socket.on('close', () => {
        clearTimeout(stopWaiting)
        connections.delete(socket)
      })
      socket.on('end', () => socket.end())
      const session = relay.accept(socket, { id: socket.remotePublicKey })
      session.on('error', () => {})
      session.on('pair', () => clearTimeout(stopWaiting))
      socket.on('data', () => {
        if (socket.rawBytesRead > maxControlBytes) socket.destroy()
      })
    },
  )
  await server.listen(keyPair)

  return {
    publicKey: new Uint8Array(keyPair.publicKey),
    stats: {
      get connections() {
        return connections.size
      },
      get refused() {
        return refused
      },
      get active() {
        return relay.stats.pairings.active
      },
    },
    async close() {
      await server.close()
      for (const socket of [...connections.keys()]) socket.destroy()
      await relay.close()
    },
  }
}

/** IPv4 /24. */
const prefixOf = (host: string): string => host.split('.').slice(0, 3).join('.')
