/**
 * One stream of a link: a Node Duplex with credit in both directions.
 *
 * A side may send only what the other side granted. A reader that stalls therefore stops its own stream at its window
 * and no other, and the memory that a peer can make us hold is the sum of the windows. A window begins small and
 * doubles while the reader keeps up, so that a fast path is filled (window ÷ round trip is the rate) and idle or slow
 * streams stay cheap.
 *
 * @module
 */

import { Duplex } from 'node:stream'
import { Fault } from '@myst/protocol'
import { type Frame, isName, maxDataBytes } from './frame.ts'

/** What the opener may send before it hears from the other side: both ends count on this number. 64 KiB × `maxStreams` is 32 MiB a link. */
export const initialWindowBytes = 64 * 1024
/** 1 MiB carries 80 Mbit/s over a round trip of 100 ms; more only lengthens queues. */
export const maxWindowBytes = 1024 * 1024

/** Pieces that wait are joined up to this: a window of single bytes then costs 16 objects, not 65,536. */
const joinedBytes = 4 * 1024

/** What a stream needs of its link. */
export interface StreamPort {
  send(frame: Frame): void
  /** Has bytes and credit: the link calls `sendSome` when it is this stream's turn. */
  ready(stream: MuxStream): void
  /** Room for a wider window, from what all streams of the link share; false where there is none. */
  widen(bytes: number): boolean
  /** Gives its number and its window back. `extraBytes`: what `widen` granted. */
  gone(stream: MuxStream, extraBytes: number): void
}

type Done = (error?: Error | null) => void

export class MuxStream extends Duplex {
  readonly id: number
  readonly #port: StreamPort

  readonly #inbox: Uint8Array[] = []
  #inboxBytes = 0
  #wanted = false
  #remoteEnded = false
  #windowBytes = initialWindowBytes
  /** What the other side may still send. */
  #granted = initialWindowBytes

  #credit = initialWindowBytes
  #outgoing: Uint8Array | undefined
  #outgoingDone: Done | undefined
  #ended = false
  #remoteReset = false

  constructor(id: number, port: StreamPort) {
    // One chunk in Node's buffer; the rest waits in the inbox, where small ones are joined.
    super({ allowHalfOpen: true, readableHighWaterMark: 1, writableHighWaterMark: initialWindowBytes })
    this.id = id
    this.#port = port
    // The other side can reset at any moment; without a listener that would end the process.
    this.on('error', () => {})
  }

  // What the link hands in.

  /** @throws Fault `frame-invalid` where the other side ignores its credit or its own end. */
  receive(bytes: Uint8Array): void {
    if (bytes.length > this.#granted) throw new Fault('frame-invalid', { what: 'credit' })
    if (this.#remoteEnded) throw new Fault('frame-invalid', { what: 'data after end' })
    this.#granted -= bytes.length
    if (bytes.length === 0) return
    this.#inboxBytes += bytes.length
    if (this.#wanted && this.#inbox.length === 0) this.#inbox.push(bytes)
    else this.#keep(bytes)
    this.#drain()
  }

  /** What waits is copied, and small pieces joined: a byte must not hold the packet it came in, nor an object of its own. */
  #keep(bytes: Uint8Array): void {
    const last = this.#inbox.at(-1)
    if (last !== undefined && last.length + bytes.length <= joinedBytes) {
      this.#inbox[this.#inbox.length - 1] = Buffer.concat([last, bytes])
    } else this.#inbox.push(Buffer.from(bytes))
  }

  receiveEnd(): void {
    if (this.#remoteEnded) throw new Fault('frame-invalid', { what: 'second end' })
    this.#remoteEnded = true
    this.#drain()
  }

  receiveCredit(bytes: number): void {
    this.#credit += bytes
    if (this.#outgoing !== undefined) this.#port.ready(this)
  }

  /** The link has gone. What the other side had ended may still be read. */
  receiveLinkEnd(fault: Fault): void {
    if (!this.#remoteEnded || this.readableEnded) this.destroy(fault)
    else if (!this.#ended) this.once('end', () => this.destroy(fault))
  }

  receiveReset(code: string): void {
    this.#remoteReset = true
    this.destroy(new Fault(code, { stream: this.id }))
  }

  /** Sends one frame of what waits. True where more could go at once. */
  sendSome(): boolean {
    const bytes = this.#outgoing
    if (bytes === undefined || this.#credit === 0 || this.destroyed) return false
    const size = Math.min(bytes.length, this.#credit, maxDataBytes)
    this.#credit -= size
    this.#port.send({ kind: 'data', id: this.id, bytes: bytes.subarray(0, size) })
    if (size < bytes.length) {
      this.#outgoing = bytes.subarray(size)
      return this.#credit > 0
    }
    this.#outgoing = undefined
    const done = this.#outgoingDone
    this.#outgoingDone = undefined
    done?.()
    return this.#outgoing !== undefined && this.#credit > 0
  }

  // What Node's Duplex asks for.

  override _read(): void {
    this.#wanted = true
    this.#drain()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (chunk.length === 0) {
      done()
      return
    }
    this.#outgoing = chunk
    this.#outgoingDone = done
    if (this.#credit > 0) this.#port.ready(this)
  }

  override _final(done: Done): void {
    this.#ended = true
    this.#port.send({ kind: 'end', id: this.id })
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    const complete = this.#ended && this.#remoteEnded && this.#inbox.length === 0
    if (!this.#remoteReset && !(complete && error === null)) {
      const code = error instanceof Fault && isName(error.code) ? error.code : 'stream-reset'
      this.#port.send({ kind: 'reset', id: this.id, code })
    }
    this.#port.gone(this, this.#windowBytes - initialWindowBytes)
    this.#inbox.length = 0
    this.#inboxBytes = 0
    this.#outgoing = undefined
    // A write that still waits must hear of the end too, or `pipeline` and `finished` would wait for ever.
    const waiting = this.#outgoingDone
    this.#outgoingDone = undefined
    waiting?.(error ?? new Fault('stream-reset', { stream: this.id }))
    done(error)
  }

  #drain(): void {
    while (this.#wanted && this.#inbox.length > 0) {
      const bytes = this.#inbox.shift()!
      this.#inboxBytes -= bytes.length
      this.#wanted = this.push(bytes)
    }
    if (this.#remoteEnded) {
      if (this.#wanted && this.#inbox.length === 0) {
        this.#wanted = false
        this.push(null)
      }
    } else this.#grant()
  }

  #grant(): void {
    const owed = (): number => this.#windowBytes - this.#inboxBytes - this.#granted
    if (this.destroyed || owed() < this.#windowBytes / 2) return
    const wider = Math.min(this.#windowBytes, maxWindowBytes - this.#windowBytes)
    if (wider > 0 && this.#inboxBytes === 0 && this.#wanted && this.#port.widen(wider)) this.#windowBytes += wider
    const bytes = owed()
    this.#granted += bytes
    this.#port.send({ kind: 'credit', id: this.id, bytes })
  }
}
