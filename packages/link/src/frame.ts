/**
 * Frames: how requests, streams and partings share the one byte stream of a link.
 *
 * A frame is `length u32 | kind u8 | fields`, all integers big-endian; `length` counts what follows it. A `name` below
 * is one length byte and as many ASCII characters; `…` runs to the end of the frame.
 *
 * | kind | | fields |
 * |---|---|---|
 * | 0 | hello | `"myst"`, major u8, minor u8, … (ignored, for later minors) |
 * | 1 | request | id u32, protocol name, body … |
 * | 2 | answer | id u32, body … |
 * | 3 | fault | id u32, code name |
 * | 4 | open | stream u32, protocol name, header … |
 * | 5 | data | stream u32, bytes … |
 * | 6 | credit | stream u32, bytes u32: as many more may be sent |
 * | 7 | end | stream u32 |
 * | 8 | reset | stream u32, code name |
 * | 9 | goodbye | reason name |
 *
 * @module
 */

import { Fault, maxMessageBytes } from '@myst/protocol'

/** Names are protocols, codes and reasons that programs compare; the longest in use has half of this. */
export const maxNameBytes = 64
/** The largest body of a request or an answer: one message of `protocol`. */
export const maxBodyBytes = maxMessageBytes
/** A message of 64 KiB with kind, id and name around it: what one peer makes us buffer at most before anything is checked. */
export const maxFrameBytes = maxBodyBytes + 1 + 4 + 1 + maxNameBytes
/** A frame of one stream delays the others by this at most: 16 KiB is 1.3 ms at 100 Mbit/s. */
export const maxDataBytes = 16 * 1024
/** A stream's header names a destination and carries a few parameters; more belongs into the stream. */
export const maxHeaderBytes = 4 * 1024

export type Frame =
  | { readonly kind: 'hello'; readonly major: number; readonly minor: number }
  | { readonly kind: 'request'; readonly id: number; readonly protocol: string; readonly body: Uint8Array }
  | { readonly kind: 'answer'; readonly id: number; readonly body: Uint8Array }
  | { readonly kind: 'fault'; readonly id: number; readonly code: string }
  | { readonly kind: 'open'; readonly id: number; readonly protocol: string; readonly header: Uint8Array }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'credit'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'reset'; readonly id: number; readonly code: string }
  | { readonly kind: 'goodbye'; readonly reason: string }

const kinds = {
  hello: 0,
  request: 1,
  answer: 2,
  fault: 3,
  open: 4,
  data: 5,
  credit: 6,
  end: 7,
  reset: 8,
  goodbye: 9,
} as const satisfies Record<Frame['kind'], number>

const magic = Buffer.from('myst')
const namePattern = /^[\x21-\x7e]{1,64}$/

/** Protocol names, codes and reasons: 1–64 printable ASCII characters without spaces. */
export const isName = (text: string): boolean => namePattern.test(text)

const nameBytes = (name: string): Buffer => {
  const text = Buffer.from(name, 'latin1')
  return Buffer.concat([Uint8Array.of(text.length), text])
}

/** The caller has checked names and sizes: both are bugs here. */
export function encodeFrame(frame: Frame): Buffer {
  switch (frame.kind) {
    case 'hello':
      return assemble(frame.kind, undefined, Buffer.from([...magic, frame.major, frame.minor]))
    case 'request':
      return assemble(frame.kind, frame.id, nameBytes(frame.protocol), frame.body)
    case 'answer':
      return assemble(frame.kind, frame.id, frame.body)
    case 'fault':
    case 'reset':
      return assemble(frame.kind, frame.id, nameBytes(frame.code))
    case 'open':
      return assemble(frame.kind, frame.id, nameBytes(frame.protocol), frame.header)
    case 'data':
      return assemble(frame.kind, frame.id, frame.bytes)
    case 'credit': {
      const bytes = Buffer.allocUnsafe(4)
      bytes.writeUInt32BE(frame.bytes)
      return assemble(frame.kind, frame.id, bytes)
    }
    case 'end':
      return assemble(frame.kind, frame.id)
    case 'goodbye':
      return assemble(frame.kind, undefined, nameBytes(frame.reason))
  }
}

function assemble(kind: Frame['kind'], id: number | undefined, ...parts: readonly Uint8Array[]): Buffer {
  const prefix = id === undefined ? 5 : 9
  const size = parts.reduce((sum, part) => sum + part.length, prefix)
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeUInt32BE(size - 4, 0)
  bytes[4] = kinds[kind]
  if (id !== undefined) bytes.writeUInt32BE(id, 5)
  let offset = prefix
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/**
 * Reads one frame, without its length. Bodies and headers are copies, so that a kept one does not hold its whole
 * packet; stream bytes are views.
 *
 * @throws Fault `frame-invalid`
 */
export function decodeFrame(bytes: Buffer): Frame {
  switch (bytes[0]) {
    case kinds.hello:
      if (bytes.length < 7 || !bytes.subarray(1, 5).equals(magic)) throw invalid('hello')
      return { kind: 'hello', major: bytes[5]!, minor: bytes[6]! }
    case kinds.request: {
      const [protocol, body] = readName(bytes, 5)
      return { kind: 'request', id: readId(bytes), protocol, body: new Uint8Array(body) }
    }
    case kinds.answer:
      return { kind: 'answer', id: readId(bytes), body: new Uint8Array(bytes.subarray(5)) }
    case kinds.fault:
      return { kind: 'fault', id: readId(bytes), code: readLastName(bytes, 5) }
    case kinds.open: {
      const [protocol, header] = readName(bytes, 5)
      if (header.length > maxHeaderBytes) throw invalid('header')
      return { kind: 'open', id: readId(bytes), protocol, header: new Uint8Array(header) }
    }
    case kinds.data:
      return { kind: 'data', id: readId(bytes), bytes: bytes.subarray(5) }
    case kinds.credit:
      if (bytes.length !== 9) throw invalid('credit')
      return { kind: 'credit', id: readId(bytes), bytes: bytes.readUInt32BE(5) }
    case kinds.end:
      if (bytes.length !== 5) throw invalid('end')
      return { kind: 'end', id: readId(bytes) }
    case kinds.reset:
      return { kind: 'reset', id: readId(bytes), code: readLastName(bytes, 5) }
    case kinds.goodbye:
      return { kind: 'goodbye', reason: readLastName(bytes, 1) }
    default:
      throw invalid('kind')
  }
}

const invalid = (what: string): Fault => new Fault('frame-invalid', { what })

function readId(bytes: Buffer): number {
  if (bytes.length < 5) throw invalid('id')
  return bytes.readUInt32BE(1)
}

function readName(bytes: Buffer, offset: number): [name: string, rest: Buffer] {
  const length = bytes[offset]
  if (length === undefined || bytes.length < offset + 1 + length) throw invalid('name')
  const name = bytes.toString('latin1', offset + 1, offset + 1 + length)
  if (!isName(name)) throw invalid('name')
  return [name, bytes.subarray(offset + 1 + length)]
}

function readLastName(bytes: Buffer, offset: number): string {
  const [name, rest] = readName(bytes, offset)
  if (rest.length > 0) throw invalid('name')
  return name
}

/** Cuts a byte stream into frames. It holds one frame at most, and allocates it only once its length was checked. */
export interface FrameReader {
  /** Hands over each whole frame in order; stops early where `take` returns false. @throws Fault `frame-invalid` */
  read(chunk: Buffer, take: (frame: Frame) => boolean): void
}

export function createFrameReader(): FrameReader {
  const prefix = Buffer.alloc(4)
  let prefixBytes = 0
  let body: Buffer | undefined
  let bodyBytes = 0

  return {
    read(chunk, take) {
      let offset = 0
      while (offset < chunk.length) {
        if (prefixBytes < 4) {
          const copied = chunk.copy(prefix, prefixBytes, offset)
          prefixBytes += copied
          offset += copied
          if (prefixBytes < 4) return
          const length = prefix.readUInt32BE(0)
          if (length === 0 || length > maxFrameBytes) throw invalid('length')
        }
        const length = prefix.readUInt32BE(0)
        let whole: Buffer | undefined
        if (body === undefined && chunk.length - offset >= length) {
          whole = chunk.subarray(offset, offset + length)
          offset += length
        } else {
          body ??= Buffer.allocUnsafeSlow(length)
          const copied = chunk.copy(body, bodyBytes, offset)
          bodyBytes += copied
          offset += copied
          if (bodyBytes === length) whole = body
        }
        if (whole === undefined) return
        prefixBytes = 0
        body = undefined
        bodyBytes = 0
        if (!take(decodeFrame(whole))) return
      }
    },
  }
}
