/**
 * The multiplexer: makes a link out of one ordered, encrypted byte stream and, where there is one, a datagram path.
 *
 * Both sides say hello at once; nothing else is handled before the other's hello was read. Every queue is bounded:
 * stream bytes wait for credit and for the transport, requests are counted at both ends, and whoever lets
 * `maxUnsentBytes` pile up is parted from. Whatever a peer sends ends the link at worst, with a code.
 *
 * @module
 */

import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers'
import { Fault } from '@myst/protocol'
import { createDatagramCodec, datagramHeaderBytes, protocolNumber } from './datagram.ts'
import { createFrameReader, encodeFrame, type Frame, isName, maxHeaderBytes } from './frame.ts'
import type { Endpoint, Link, TransportKey } from './link.ts'
import { initialWindowBytes, MuxStream, type StreamPort } from './mux-stream.ts'
import { checkMessage, createAnswerer, createAsker } from './requests.ts'
import { systemTimers, type Timers } from './timers.ts'

/** Of the multiplexer itself; protocols on top have versions of their own. Another major cannot be understood. */
const version = { major: 1, minor: 0 }

/** Streams that one side may have open at once: eight browsers' worth of connections; 32 MiB of initial windows. */
export const maxStreams = 512
/** What all streams of a link may hold beyond their initial windows. */
export const maxExtraWindowBytes = 32 * 1024 * 1024
/** Above this, incoming requests are told `link-busy` and own ones are refused. */
export const busyUnsentBytes = 16 * 1024 * 1024
/** A peer that reads nothing while so much waits for it will not read the rest either. */
export const maxUnsentBytes = 96 * 1024 * 1024
/** The other side says hello as soon as it has the stream; 10 s are several resends on a bad path. */
const helloTimeoutMs = 10_000
/** Time for the goodbye to arrive and the other side to end too. */
const partingMs = 1_000

export interface DatagramPath {
  /** False where it was dropped. */
  send(bytes: Uint8Array): boolean
  onMessage(handler: (bytes: Uint8Array) => void): void
  /** The largest that the path is known to carry, now. Larger ones may vanish without an error. */
  maxBytes(): number
}

/** What an adapter provides: authenticated, encrypted, to one peer. */
export interface Transport {
  readonly bytes: Duplex
  readonly datagrams?: DatagramPath
  readonly dialled: boolean
  readonly localKey: TransportKey
  readonly remoteKey: TransportKey
  readonly handshakeHash: Uint8Array
  remoteEndpoint(): Endpoint
  relayed(): boolean
}

export interface LinkSettings {
  readonly timers?: Timers
  /** Told what a handler threw that was no Fault. The peer sees `internal`. */
  readonly onBug?: (error: unknown, protocol: string) => void
  /** Registers handlers, before any of the other side's messages is handled. */
  readonly setup?: (link: Link) => void
}

/**
 * Resolves when the other side's hello was read.
 *
 * @throws Fault `peer-unreachable` (no hello), `version-unsupported`, `frame-invalid`
 */
export function openLink(transport: Transport, settings: LinkSettings = {}): Promise<Link> {
  const { bytes, dialled } = transport
  const timers = settings.timers ?? systemTimers
  const onBug = settings.onBug ?? (() => {})
  const opened = Promise.withResolvers<Link>()
  const closed = Promise.withResolvers<string>()
  const transportGone = Promise.withResolvers<void>()

  let state: 'opening' | 'open' | 'closed' = 'opening'
  let heldFrames: Frame[] | undefined

  // Sending. Frames of one turn leave together.
  let corked = false
  let full = false
  function send(frame: Frame): void {
    if (state === 'closed') return
    if (!corked) {
      corked = true
      bytes.cork()
      queueMicrotask(() => {
        corked = false
        bytes.uncork()
      })
    }
    if (!bytes.write(encodeFrame(frame))) full = true
    if (bytes.writableLength > maxUnsentBytes) finish('peer-stalled', false)
  }

  // Streams. The dialler's have odd numbers, the accepter's even ones; numbers are not used twice.
  const streams = new Map<number, MuxStream>()
  const streamHandlers = new Map<string, (stream: Duplex, header: Uint8Array) => void>()
  const turns = new Set<MuxStream>()
  const counts = { own: 0, theirs: 0 }
  let nextStream = dialled ? 1 : 2
  let lastTheirStream = dialled ? 0 : -1
  let extraWindowBytes = 0

  const isOwn = (id: number): boolean => id % 2 === (dialled ? 1 : 0)
  const streamPort: StreamPort = {
    send,
    ready(stream) {
      turns.add(stream)
      takeTurns()
    },
    widen(extra) {
      if (extraWindowBytes + extra > maxExtraWindowBytes) return false
      extraWindowBytes += extra
      return true
    },
    gone(stream, extra) {
      turns.delete(stream)
      if (!streams.delete(stream.id)) return
      extraWindowBytes -= extra
      counts[isOwn(stream.id) ? 'own' : 'theirs']--
    },
  }

  /** One frame a stream and turn, while the transport takes them. */
  function takeTurns(): void {
    while (!full && state !== 'closed') {
      const [stream] = turns
      if (stream === undefined) return
      turns.delete(stream)
      if (stream.sendSome()) turns.add(stream)
    }
  }

  function addStream(id: number): MuxStream {
    const stream = new MuxStream(id, streamPort)
    streams.set(id, stream)
    counts[isOwn(id) ? 'own' : 'theirs']++
    return stream
  }

  function acceptStream(frame: Extract<Frame, { kind: 'open' }>): void {
    if (isOwn(frame.id) || frame.id <= lastTheirStream) throw new Fault('frame-invalid', { what: 'stream number' })
    lastTheirStream = frame.id
    const handler = streamHandlers.get(frame.protocol)
    if (handler === undefined || counts.theirs >= maxStreams) {
      const code = handler === undefined ? 'protocol-unknown' : 'link-busy'
      send({ kind: 'reset', id: frame.id, code })
      return
    }
    const stream = addStream(frame.id)
    try {
      handler(stream, frame.header)
    } catch (error) {
      if (!(error instanceof Fault)) onBug(error, frame.protocol)
      stream.destroy(error instanceof Fault ? error : new Fault('internal'))
    }
  }

  /** Frames for a stream that has gone are late; for one that never was, wrong. */
  function streamOf(id: number): MuxStream | undefined {
    const known = isOwn(id) ? id < nextStream : id <= lastTheirStream
    if (!known || id === 0) throw new Fault('frame-invalid', { what: 'stream number' })
    return streams.get(id)
  }

  // Requests.
  const congested = (): boolean => bytes.writableLength > busyUnsentBytes
  const asker = createAsker(send, timers)
  const answerer = createAnswerer({ send, congested, onBug })

  // Datagrams.
  const datagramCodec = createDatagramCodec()
  const datagramHandlers = new Map<number, { protocol: string; handler: (bytes: Uint8Array) => void }>()
  const maxDatagramBytes = (): number => Math.max(0, (transport.datagrams?.maxBytes() ?? 0) - datagramHeaderBytes)
  transport.datagrams?.onMessage((bytes) => {
    if (state === 'closed') return
    const datagram = datagramCodec.decode(bytes)
    if (datagram === undefined) return
    const registered = datagramHandlers.get(datagram.number)
    try {
      registered?.handler(datagram.payload)
    } catch (error) {
      onBug(error, registered?.protocol ?? '')
    }
  })

  const link: Link = {
    localKey: transport.localKey,
    remoteKey: transport.remoteKey,
    handshakeHash: transport.handshakeHash,
    get remoteEndpoint() {
      return transport.remoteEndpoint()
    },
    get relayed() {
      return transport.relayed()
    },
    get maxDatagramBytes() {
      return maxDatagramBytes()
    },
    closed: closed.promise,
    async request(protocol, body, options) {
      if (state !== 'closed' && congested()) throw new Fault('link-busy', { protocol })
      return asker.ask(protocol, body, options)
    },
    onRequest: (protocol, handler) => answerer.handle(protocol, handler),
    async openStream(protocol, header) {
      if (state === 'closed') throw new Fault('link-closed', { reason: await closed.promise })
      checkMessage(protocol, header, maxHeaderBytes)
      if (counts.own >= maxStreams || nextStream > 0xffff_ffff)
        throw new Fault('link-busy', { protocol, streams: counts.own })
      const stream = addStream(nextStream)
      nextStream += 2
      send({ kind: 'open', id: stream.id, protocol, header })
      return stream
    },
    onStream: (protocol, handler) => void streamHandlers.set(protocol, handler),
    sendDatagram(protocol, payload) {
      if (state === 'closed' || transport.datagrams === undefined || payload.length > maxDatagramBytes()) return false
      return transport.datagrams.send(datagramCodec.encode(protocol, payload))
    },
    onDatagram(protocol, handler) {
      const number = protocolNumber(protocol)
      const other = datagramHandlers.get(number)?.protocol
      if (other !== undefined && other !== protocol) throw new Fault('protocol-invalid', { protocol, collides: other })
      datagramHandlers.set(number, { protocol, handler })
    },
    async close(reason = 'closed') {
      finish(isName(reason) ? reason : 'unspecified', true)
      await transportGone.promise
    },
  }

  // Receiving.
  const reader = createFrameReader()
  const stopHello = timers.after(helloTimeoutMs, () => finish('no-hello', false))

  function takeFrame(frame: Frame): boolean {
    if (state === 'closed') return false
    if (heldFrames !== undefined) heldFrames.push(frame)
    else if (state === 'opening') takeHello(frame)
    else handle(frame)
    return isUsable()
  }
  const isUsable = (): boolean => state !== 'closed'

  function takeHello(frame: Frame): void {
    if (frame.kind !== 'hello') throw new Fault('frame-invalid', { what: 'no hello' })
    if (frame.major !== version.major) throw new Fault('version-unsupported', { major: frame.major })
    stopHello()
    state = 'open'
    settings.setup?.(link)
    opened.resolve(link)
    if (settings.setup !== undefined || !isUsable()) return
    // Who awaits the link registers handlers in the turn after this one; what came in with the hello waits for that.
    heldFrames = []
    bytes.pause()
    setImmediate(() => {
      const frames = heldFrames ?? []
      heldFrames = undefined
      guard(() => frames.every(takeFrame))
      if (isUsable()) bytes.resume()
    })
  }

  function handle(frame: Frame): void {
    switch (frame.kind) {
      case 'hello':
        throw new Fault('frame-invalid', { what: 'second hello' })
      case 'request':
        answerer.take(frame)
        break
      case 'answer':
      case 'fault':
        asker.take(frame)
        break
      case 'open':
        acceptStream(frame)
        break
      case 'data':
        streamOf(frame.id)?.receive(frame.bytes)
        break
      case 'credit':
        streamOf(frame.id)?.receiveCredit(frame.bytes)
        break
      case 'end':
        streamOf(frame.id)?.receiveEnd()
        break
      case 'reset':
        streamOf(frame.id)?.receiveReset(frame.code)
        break
      case 'goodbye':
        finish(frame.reason, false)
        break
    }
  }

  /** What a peer sends may end the link, never more. */
  function guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof Fault)) onBug(error, '')
      finish(error instanceof Fault ? error.code : 'internal', true)
    }
  }

  function finish(reason: string, tell: boolean): void {
    if (state === 'closed') return
    const wasOpening = state === 'opening'
    if (tell) send({ kind: 'goodbye', reason })
    state = 'closed'
    stopHello()
    asker.end(reason)
    answerer.end()
    for (const stream of [...streams.values()]) stream.receiveLinkEnd(new Fault('link-closed', { reason }))
    streams.clear()
    turns.clear()
    streamHandlers.clear()
    datagramHandlers.clear()
    heldFrames = undefined
    if (wasOpening) opened.reject(openingFault(reason))
    closed.resolve(reason)

    const stopParting = timers.after(partingMs, () => bytes.destroy())
    void transportGone.promise.then(stopParting)
    if (bytes.destroyed) return
    if (reason === 'peer-stalled' || reason === 'link-lost') bytes.destroy()
    else bytes.end()
    bytes.resume() // to see the other side's end
  }

  const openingFault = (reason: string): Fault => {
    const known = ['frame-invalid', 'version-unsupported'].includes(reason)
    return new Fault(known ? reason : 'peer-unreachable', { reason })
  }

  bytes.on('error', () => finish('link-lost', false))
  bytes.on('end', () => finish('link-lost', false))
  bytes.on('close', () => {
    finish('link-lost', false)
    transportGone.resolve()
  })
  bytes.on('drain', () => {
    full = false
    takeTurns()
  })
  bytes.on('data', (chunk: Buffer) => guard(() => reader.read(chunk, takeFrame)))

  send({ kind: 'hello', ...version })
  return opened.promise
}

/** For `docs/limits.md`: what one peer can make one link hold. */
export const maxLinkBufferBytes = maxStreams * initialWindowBytes + maxExtraWindowBytes
