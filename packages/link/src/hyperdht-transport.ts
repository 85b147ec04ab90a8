/**
 * One HyperDHT connection as a link's transport.
 *
 * @module
 */

/// <reference path="./hyperdht-module.d.ts" />

import { Duplex } from 'node:stream'
import type { SecretStream } from 'hyperdht'
import type { DatagramPath } from './mux.ts'
import { unknownPathDatagramBytes } from './path.ts'

/** Under the other side's timeout; both sides send it, so each hears one every 2.5 s. */
const keepAliveMs = 2_500
/** Three keep-alives may be lost; a dead peer is noticed in 8 s at worst, inside the 10 s that a session waits. */
const silenceMs = 8_000
/** Frames that leave together are sealed as one message of up to this. */
const sealedBytes = 64 * 1024
/** What waits here before `write` says stop: a quarter of a second at 10 Mbit/s. */
const waitingBytes = 256 * 1024
/** Around a datagram: IPv4 20, UDP 8, UDX 20, box 24. */
const datagramOverheadBytes = 72

type Done = (error?: Error | null) => void

/** The socket's errors are handled from here on: call it before anything else can happen to the socket. */
export class SocketDuplex extends Duplex {
  readonly #socket: SecretStream
  #drained: Done | undefined

  constructor(socket: SecretStream) {
    super({ readableHighWaterMark: waitingBytes, writableHighWaterMark: waitingBytes })
    this.#socket = socket
    socket.on('error', (error: Error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    socket.on('end', () => this.push(null))
    socket.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) socket.pause()
    })
    socket.on('drain', () => {
      const drained = this.#drained
      this.#drained = undefined
      drained?.()
    })
    socket.setKeepAlive(keepAliveMs)
    socket.setTimeout(silenceMs)
    // The first side to send through a relay is not heard: the relay does not know the way to the other side yet, and
    // the lost packet is sent again after a second. A packet sent once the other side was heard arrives, and its
    // acknowledgement tells of the gap at once.
    void socket.opened.then((isOpen) => {
      if (isOpen) socket.rawStream?.once('data', () => socket.destroying || socket.sendKeepAlive())
    })
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#socket.write(chunk)) done()
    else this.#drained = done
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    let next = 0
    const writeOn = (): void => {
      while (next < chunks.length) {
        const batch: Buffer[] = []
        for (let bytes = 0; next < chunks.length && bytes < sealedBytes; next++) {
          const { chunk } = chunks[next]!
          batch.push(chunk)
          bytes += chunk.length
        }
        if (!this.#socket.write(batch.length === 1 ? batch[0]! : Buffer.concat(batch))) {
          this.#drained = writeOn
          return
        }
      }
      done()
    }
    writeOn()
  }

  override _final(done: Done): void {
    this.#socket.end()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#drained = undefined
    if (this.#socket.destroyed) done(error)
    else {
      this.#socket.once('close', () => done(error))
      this.#socket.destroy()
    }
  }
}

export function socketDatagrams(socket: SecretStream): DatagramPath {
  return {
    send(bytes) {
      if (socket.destroying) return false
      socket.trySend(bytes)
      return true
    },
    onMessage(handler) {
      socket.on('message', handler)
    },
    // UDX probes the path and raises `mtu` as larger packets are acknowledged; larger datagrams vanish without an error.
    maxBytes: () => Math.max(unknownPathDatagramBytes, (socket.rawStream?.mtu ?? 0) - datagramOverheadBytes),
  }
}
