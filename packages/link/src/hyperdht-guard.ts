/**
 * What HyperDHT leaves unchecked, checked: the one place that reaches into the package.
 *
 * - Every connection of UDX passes `connect` of its raw stream. An address or port there may come from a peer; one that
 *   must not be dialled ends that stream, where the package would throw into nowhere or send.
 * - Connections to relays are made inside the package, without a listener for errors or a timeout of ours.
 * - A datagram from a stranger that makes a handler of the routing table throw must not end the process.
 *
 * @module
 */

/// <reference path="./hyperdht-module.d.ts" />

import { equalBytes } from '@myst/protocol'
import type Dht from 'hyperdht'
import type { SecretStream } from 'hyperdht'
import type { Endpoint } from './link.ts'

export interface RelayEndpoints {
  /** True where packets to this endpoint go to a relay in use. A link *to* the relay itself is direct. */
  includes(endpoint: Endpoint, remoteKey: Uint8Array): boolean
}

export interface GuardSettings {
  readonly mayDial: (endpoint: Endpoint) => boolean
  readonly lan: boolean
}

export function guardDht(dht: Dht, { mayDial, lan }: GuardSettings): RelayEndpoints {
  const isDialable = (host: string | undefined, port: number): boolean =>
    Number.isInteger(port) && port > 0 && port < 65_536 && host !== undefined && mayDial({ host, port })

  const createRawStream = dht.createRawStream.bind(dht)
  dht.createRawStream = (options) => {
    const stream = createRawStream(options)
    const connect = stream.connect.bind(stream)
    const changeRemote = stream.changeRemote.bind(stream)
    stream.connect = (socket, remoteId, port, host, rest) => {
      if (isDialable(host, port)) connect(socket, remoteId, port, host, rest)
      else stream.destroy(new Error('ADDRESS_REFUSED'))
    }
    stream.changeRemote = async (socket, remoteId, port, host) => {
      if (!isDialable(host, port)) throw new Error('ADDRESS_REFUSED')
      await changeRemote(socket, remoteId, port, host)
    }
    return stream
  }

  const relaySockets = new Set<SecretStream>()
  const connectDht = dht.connect.bind(dht)
  dht.connect = (key, options) => {
    // Ours come with options; the package's own, to relays, without.
    if (options !== undefined) return connectDht(key, options)
    const socket = connectDht(key, { localConnection: lan })
    socket.on('error', () => {})
    socket.setTimeout(relaySilenceMs)
    relaySockets.add(socket)
    socket.on('close', () => relaySockets.delete(socket))
    return socket
  }

  for (const name of ['onpeerhandshake', 'onpeerholepunch'] as const) {
    const handle = dht._router[name].bind(dht._router)
    dht._router[name] = async (request) => {
      try {
        await handle(request)
      } catch {
        // malformed or unroutable: no answer, as for a lost packet
      }
    }
  }

  return {
    includes: (endpoint, remoteKey) =>
      [...relaySockets].some(
        ({ rawStream, remotePublicKey }) =>
          rawStream?.remoteHost === endpoint.host &&
          rawStream.remotePort === endpoint.port &&
          !equalBytes(remotePublicKey, remoteKey),
      ),
  }
}

/** HyperDHT keeps relay connections alive every 5 s; three may be lost. */
const relaySilenceMs = 16_000
