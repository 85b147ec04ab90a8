/**
 * Links over HyperDHT: UDP, Noise, a Kademlia table that our full nodes keep, hole punching, relays.
 *
 * A full node has a public address and keeps the table (`persistent`); a network needs three of them, since a NAT is
 * classified from three answers at least. Others find peers by key through the table and punch. Where that fails the
 * connection goes through a relay, when either side names one.
 *
 * @module
 */

/// <reference path="./hyperdht-module.d.ts" />

import { createHash, randomBytes } from 'node:crypto'
import { Fault, toHex } from '@myst/protocol'
import Dht, { type KeyPair, type SecretStream } from 'hyperdht'
import { isPublicUnicast } from './dialling.ts'
import { guardDht } from './hyperdht-guard.ts'
import { SocketDuplex, socketDatagrams } from './hyperdht-transport.ts'
import type { Endpoint, Link, LinkNode } from './link.ts'
import { type LinkSettings, openLink } from './mux.ts'
import { systemTimers } from './timers.ts'

/** Room for a random punch (7 s measured) and its relay fallback (15 s inside HyperDHT). */
export const connectTimeoutMs = 30_000
/** Records live 20 min in the table; twice in that time keeps them through one lost refresh. */
const announceIntervalMs = 10 * 60_000
/** A node of the table that died holds a look-up for 4 s; what the others know arrives in a few round trips. */
const lookupGraceMs = 1_000
/** Taking records back is a courtesy, they expire; a dead node of the table must not hold up the end. */
const farewellMs = 1_000
/** Keys that one look-up returns at most: the table gives 20 a node. */
const maxFoundKeys = 256
/** Each link costs a descriptor and about 50 kB; a full node's default. */
const defaultMaxLinks = 4096
/** A peer needs one link, two while it reconnects, and some more where its programs share a key. */
const defaultMaxLinksPerKey = 16

export interface HyperdhtOptions extends Pick<LinkSettings, 'timers' | 'onBug'> {
  /** `host:port` of full nodes; one that lives suffices. Empty only for the first full node of a network. */
  readonly bootstrap: readonly string[]
  /** 32 bytes that the Ed25519 transport key is made from. A fresh key where left out. */
  readonly seed?: Uint8Array
  /** Default: every address, and a port that is free. A full node names its port, and its address where it has several. */
  readonly bind?: { readonly host?: string; readonly port?: number }
  /** A full node: reachable from everywhere at `publicHost` (default: `bind.host`, IPv4) and `bind.port`, keeps the table. */
  readonly persistent?: boolean
  readonly publicHost?: string
  /** Keys of relays (`createRelay`), one of which is used where punching fails. */
  readonly relays?: readonly Uint8Array[]
  /** Default true. False: no hole punching; two nodes behind NAT then meet through `relays` only. */
  readonly punch?: boolean
  /** Peers in the same local network may be dialled at their private addresses. */
  readonly lan?: boolean
  /** Which endpoints that come from peers may be dialled. Default: public unicast, and private ones with `lan`. */
  readonly mayDial?: (endpoint: Endpoint) => boolean
  /** Least time between two punches that try random ports. Default 20 s. */
  readonly randomPunchIntervalMs?: number
  readonly maxLinks?: number
  readonly maxLinksPerKey?: number
}

export interface HyperdhtNode extends LinkNode {
  /** Resolves when the network was reached. @throws Fault `network-unreachable`, `port-in-use` */
  ready(): Promise<void>
  /** Where this node's socket is bound; undefined before `ready`. */
  bound(): Endpoint | undefined
  readonly openLinks: number
  /** For `createRelay`. */
  readonly dht: Dht
  /** A key pair of this node for something else than links, the same after every restart. */
  derivedKeyPair(purpose: string): KeyPair
}

export function createHyperdhtNode(options: HyperdhtOptions): HyperdhtNode {
  const timers = options.timers ?? systemTimers
  const seed = options.seed ?? randomBytes(32)
  const keyPair = Dht.keyPair(seed)
  const publicKey = new Uint8Array(keyPair.publicKey)
  const { lan = false } = options
  const mayDial = options.mayDial ?? ((endpoint: Endpoint) => isPublicUnicast(endpoint.host, { lan }))

  const dht = createDht(options)
  const relayEndpoints = guardDht(dht, { mayDial, lan })
  const relayThrough = options.relays?.length ? options.relays.map((key) => Buffer.from(key)) : null

  const handlers: ((link: Link) => void)[] = []
  const open = new Map<SocketDuplex, { readonly link: Promise<Link>; readonly peer: string }>()
  const announcements = new Set<{ close(): Promise<void> }>()
  let closing: Promise<void> | undefined

  function adopt(
    socket: SecretStream,
    bytes: SocketDuplex,
    dialled: boolean,
    setup?: (link: Link) => void,
  ): Promise<Link> {
    const { timers, onBug } = options
    const remoteKey = new Uint8Array(socket.remotePublicKey)
    const endpoint = (): Endpoint => ({
      host: socket.rawStream?.remoteHost ?? '',
      port: socket.rawStream?.remotePort ?? 0,
    })
    let lastEndpoint = endpoint()
    const remoteEndpoint = (): Endpoint => {
      if (!socket.destroyed && endpoint().port !== 0) lastEndpoint = endpoint()
      return lastEndpoint
    }
    const link = openLink(
      {
        bytes,
        datagrams: socketDatagrams(socket),
        dialled,
        localKey: new Uint8Array(socket.publicKey),
        remoteKey,
        handshakeHash: new Uint8Array(socket.handshakeHash),
        remoteEndpoint,
        relayed: () => relayEndpoints.includes(remoteEndpoint(), remoteKey),
      },
      { ...(timers && { timers }), ...(onBug && { onBug }), ...(setup && { setup }) },
    )
    open.set(bytes, { link, peer: toHex(remoteKey) })
    bytes.once('close', () => open.delete(bytes))
    return link
  }

  const { maxLinks = defaultMaxLinks, maxLinksPerKey = defaultMaxLinksPerKey } = options
  const server = dht.createServer(
    {
      // True refuses.
      firewall(remoteKey) {
        if (open.size >= maxLinks) return true
        const peer = toHex(new Uint8Array(remoteKey))
        return [...open.values()].filter((link) => link.peer === peer).length >= maxLinksPerKey
      },
      relayThrough,
      shareLocalAddress: lan,
      ...(options.punch === false && { holepunch: false }),
    },
    (socket) => {
      const bytes = new SocketDuplex(socket)
      void socket.opened.then((isOpen) => {
        if (!isOpen) return
        adopt(socket, bytes, false, (link) => {
          for (const handler of handlers) handler(link)
        }).catch(() => {}) // a caller who said nothing of use
      })
    },
  )

  async function ready(): Promise<void> {
    try {
      await dht.bind()
    } catch (cause) {
      throw new Fault('port-in-use', { ...options.bind }, { cause })
    }
    await dht.fullyBootstrapped()
    if (dht.host === null) throw new Fault('network-unreachable', { bootstrap: options.bootstrap.join() })
  }

  const node: HyperdhtNode = {
    publicKey,
    dht,
    derivedKeyPair: (purpose) => Dht.keyPair(createHash('sha256').update(`myst ${purpose}`).update(seed).digest()),
    ready,
    bound: () => dht.address() ?? undefined,
    get openLinks() {
      return open.size
    },
    async listen() {
      await ready()
      await server.listen(keyPair)
    },
    async connect(key, { signal, ephemeral = false, setup } = {}) {
      signal?.throwIfAborted()
      if (closing !== undefined) throw new Fault('network-unreachable', { why: 'closed' })
      if (key.length !== 32) throw new Fault('peer-not-found', { why: 'a key has 32 bytes', bytes: key.length })
      const socket = dht.connect(Buffer.from(key), {
        keyPair: ephemeral ? Dht.keyPair() : keyPair,
        relayThrough,
        localConnection: lan,
        // Fast open is the first shot of a punch.
        ...(options.punch === false && { holepunch: () => false, fastOpen: false }),
      })
      const bytes = new SocketDuplex(socket)
      bytes.on('error', () => {}) // read from `errored`
      const onAbort = (): void => void bytes.destroy()
      signal?.addEventListener('abort', onAbort, { once: true })
      const stopTimer = timers.after(connectTimeoutMs, () => bytes.destroy(new Error('TIMEOUT')))
      try {
        if (!(await socket.opened)) throw dialFault(key, bytes.errored)
        return await adopt(socket, bytes, true, setup)
      } catch (error) {
        bytes.destroy()
        signal?.throwIfAborted()
        throw error
      } finally {
        stopTimer()
        signal?.removeEventListener('abort', onAbort)
      }
    },
    onLink(handler) {
      handlers.push(handler)
    },
    async announce(topic) {
      const announceOnce = async (): Promise<number> => {
        const query = dht.announce(Buffer.from(topic), keyPair, server.relayAddresses)
        await query.finished()
        return query.closestNodes.length
      }
      if ((await announceOnce().catch(() => 0)) === 0) throw new Fault('network-unreachable', { topic: toHex(topic) })
      let stopTimer = (): void => {}
      const refreshLater = (): void => {
        stopTimer = timers.after(announceIntervalMs, () => {
          if (!announcements.has(announcement)) return
          void announceOnce().catch(() => {}) // the next round tries again
          refreshLater()
        })
      }
      const announcement = {
        async close(): Promise<void> {
          if (!announcements.delete(announcement)) return
          stopTimer()
          await atMost(farewellMs, dht.unannounce(Buffer.from(topic), keyPair))
        },
      }
      announcements.add(announcement)
      refreshLater()
      return announcement
    },
    async lookup(topic, { signal } = {}) {
      signal?.throwIfAborted()
      const query = dht.lookup(Buffer.from(topic))
      const onAbort = (): void => query.destroy()
      signal?.addEventListener('abort', onAbort, { once: true })
      const found = new Map<string, Uint8Array>()
      let stopTimer: (() => void) | undefined
      try {
        for await (const { peers } of query) {
          for (const peer of peers) {
            if (found.size < maxFoundKeys) found.set(toHex(peer.publicKey), new Uint8Array(peer.publicKey))
          }
          if (found.size > 0) stopTimer ??= timers.after(lookupGraceMs, () => query.destroy())
        }
      } catch (error) {
        signal?.throwIfAborted()
        if (found.size === 0) throw new Fault('network-unreachable', { topic: toHex(topic) }, { cause: error })
      } finally {
        stopTimer?.()
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.throwIfAborted()
      found.delete(toHex(publicKey))
      return [...found.values()]
    },
    reflexive() {
      if (dht.host === null) return undefined
      return { host: dht.host, port: dht.port, symmetric: dht.randomized }
    },
    close() {
      closing ??= (async () => {
        const goodbyes = [...announcements].map((announcement) => announcement.close())
        const links = [...open.values()].map(({ link }) => link.then((opened) => opened.close('node-closed')))
        await Promise.allSettled([...goodbyes, ...links])
        await atMost(farewellMs, server.close())
        await dht.destroy({ force: true }).catch(() => {}) // it never had its port
      })()
      return closing
    },
  }

  const atMost = (ms: number, work: Promise<unknown>): Promise<unknown> => {
    const waited = Promise.withResolvers<void>()
    const stopTimer = timers.after(ms, waited.resolve)
    return Promise.race([work.catch(() => {}), waited.promise]).finally(stopTimer)
  }

  function dialFault(key: Uint8Array, cause: (Error & { readonly code?: unknown }) | null): Fault {
    const why = String(cause?.code ?? cause?.message)
    const peer = toHex(key)
    if (dht.host === null) return new Fault('network-unreachable', { peer, why }, { cause })
    return new Fault(why === 'PEER_NOT_FOUND' ? 'peer-not-found' : 'peer-unreachable', { peer, why }, { cause })
  }

  return node
}

function createDht(options: HyperdhtOptions): Dht {
  const { bind = {}, persistent = false } = options
  // Connections to relays use this key; a fresh one, so that a relay cannot tell who comes again.
  const keyPair: KeyPair = Dht.keyPair()
  const common = {
    keyPair,
    ...(bind.host !== undefined && { host: bind.host }),
    ...(options.randomPunchIntervalMs !== undefined && { randomPunchInterval: options.randomPunchIntervalMs }),
  }
  if (!persistent) {
    return new Dht({
      ...common,
      bootstrap: options.bootstrap,
      ...(bind.port && { port: bind.port, anyPort: false }),
      // Without this a node that finds its port open (as on loopback) is dialled without a punch.
      ...(options.punch === false && { quickFirewall: false }),
    })
  }
  const publicHost = options.publicHost ?? bind.host
  if (publicHost === undefined || !bind.port) {
    throw new Fault('address-missing', { why: 'a full node needs its public host and its port' })
  }
  const own = `${publicHost}:${bind.port}`
  const bootstrap = options.bootstrap.filter((address) => address !== own)
  return Dht.bootstrapper(bind.port, publicHost, { ...common, bootstrap })
}
