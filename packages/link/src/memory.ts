/**
 * Links inside one process, for tests and simulations: the same multiplexer over paired streams.
 *
 * Keys, faults and partings behave as on the real network. There is no encryption, no NAT and no loss.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { type Duplex, duplexPair } from 'node:stream'
import { Fault, toHex } from '@myst/protocol'
import type { Endpoint, Link, LinkNode, TransportKey } from './link.ts'
import { type DatagramPath, type LinkSettings, openLink, type Transport } from './mux.ts'
import { unknownPathDatagramBytes } from './path.ts'

export interface MemoryNodeOptions extends Pick<LinkSettings, 'timers' | 'onBug'> {
  /** 32 bytes; random where left out. */
  readonly publicKey?: TransportKey
}

export interface MemoryNode extends LinkNode {
  /** Dies without a word: the others' links are lost, its announcements stay until they would have expired. */
  vanish(): void
}

export interface MemoryNetwork {
  node(options?: MemoryNodeOptions): MemoryNode
}

export function createMemoryNetwork(): MemoryNetwork {
  const listening = new Map<string, { accept(transport: Transport): void; readonly endpoint: Endpoint }>()
  const topics = new Map<string, Map<string, TransportKey>>()
  const known = new Set<string>()
  let nodes = 0
  let pipes = 0

  function node(options: MemoryNodeOptions = {}): MemoryNode {
    const publicKey = options.publicKey ?? new Uint8Array(randomBytes(32))
    const name = toHex(publicKey)
    const number = ++nodes
    const endpoint: Endpoint = { host: `198.18.${(number >> 8) & 255}.${number & 255}`, port: 4040 }
    const handlers: ((link: Link) => void)[] = []
    const links = new Set<{ readonly link: Promise<Link>; readonly bytes: Duplex }>()
    let closed = false
    known.add(name)

    function open(transport: Transport, setup?: (link: Link) => void): Promise<Link> {
      const { timers, onBug } = options
      const link = openLink(transport, {
        ...(timers && { timers }),
        ...(onBug && { onBug }),
        ...(setup && { setup }),
      })
      const entry = { link, bytes: transport.bytes }
      links.add(entry)
      transport.bytes.once('close', () => links.delete(entry))
      return link
    }

    const accept = (transport: Transport): void => {
      open(transport, (link) => {
        for (const handler of handlers) handler(link)
      }).catch(() => {}) // a caller who never said hello
    }

    return {
      publicKey,
      async listen() {
        if (closed) throw new Fault('network-unreachable', { why: 'closed' })
        listening.set(name, { accept, endpoint })
      },
      async connect(key, { signal, ephemeral, setup } = {}) {
        signal?.throwIfAborted()
        if (closed) throw new Fault('network-unreachable', { why: 'closed' })
        const acceptor = listening.get(toHex(key))
        const code = known.has(toHex(key)) ? 'peer-unreachable' : 'peer-not-found'
        if (acceptor === undefined) throw new Fault(code, { peer: toHex(key) })
        const localKey = ephemeral === true ? new Uint8Array(randomBytes(32)) : publicKey
        const handshakeHash = new Uint8Array(
          createHash('sha256').update(localKey).update(key).update(String(++pipes)).digest(),
        )
        const [here, there] = duplexPair()
        const [hereDatagrams, thereDatagrams] = datagramPair()
        const both = { handshakeHash, relayed: () => false }
        acceptor.accept({
          ...both,
          bytes: there,
          datagrams: thereDatagrams,
          dialled: false,
          localKey: key,
          remoteKey: localKey,
          remoteEndpoint: () => endpoint,
        })
        const dialled = open(
          {
            ...both,
            bytes: here,
            datagrams: hereDatagrams,
            dialled: true,
            localKey,
            remoteKey: key,
            remoteEndpoint: () => acceptor.endpoint,
          },
          setup,
        )
        if (signal === undefined) return dialled
        const onAbort = (): void => void here.destroy()
        signal.addEventListener('abort', onAbort, { once: true })
        try {
          return await dialled
        } catch (error) {
          signal.throwIfAborted()
          throw error
        } finally {
          signal.removeEventListener('abort', onAbort)
        }
      },
      onLink(handler) {
        handlers.push(handler)
      },
      async announce(topic) {
        const keys = topics.get(toHex(topic)) ?? new Map<string, TransportKey>()
        topics.set(toHex(topic), keys)
        keys.set(name, publicKey)
        return { close: async () => void keys.delete(name) }
      },
      async lookup(topic, { signal } = {}) {
        signal?.throwIfAborted()
        return [...(topics.get(toHex(topic))?.values() ?? [])].filter((key) => toHex(key) !== name)
      },
      reflexive: () => ({ ...endpoint, symmetric: false }),
      async close() {
        closed = true
        listening.delete(name)
        for (const keys of topics.values()) keys.delete(name)
        await Promise.allSettled([...links].map(async ({ link }) => (await link).close('node-closed')))
      },
      vanish() {
        closed = true
        listening.delete(name)
        for (const { bytes } of links) bytes.destroy()
      },
    }
  }

  return { node }
}

/** Delivers in the next microtask, in order. */
function datagramPair(): [DatagramPath, DatagramPath] {
  const handlers: [((bytes: Uint8Array) => void)?, ((bytes: Uint8Array) => void)?] = []
  const end = (own: 0 | 1): DatagramPath => ({
    send(bytes) {
      queueMicrotask(() => handlers[1 - own]?.(bytes))
      return true
    },
    onMessage(handler) {
      handlers[own] = handler
    },
    maxBytes: () => unknownPathDatagramBytes,
  })
  return [end(0), end(1)]
}
