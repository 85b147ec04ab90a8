/**
 * Datagrams of a link: `protocol u32 | counter u64 | payload`.
 *
 * The adapter encrypts and authenticates each of them; a captured one could still be sent again, so the counter and a
 * window at the receiver remove repeats. The protocol's number is the head of the SHA-256 of its name: both ends know
 * it without asking, whatever arrives first. Two protocols of one link with the same number are refused when the
 * second is registered.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { assert } from '@myst/protocol'
import { createReplayWindow, type ReplayWindow } from './replay-window.ts'

/** Protocol 4 and counter 8. */
export const datagramHeaderBytes = 12

const numbers = new Map<string, number>()
/** Protocols are named in code; more names than this would mean that they come from a peer. */
const maxProtocols = 1024

/** u32 for a protocol name. */
export function protocolNumber(protocol: string): number {
  let number = numbers.get(protocol)
  if (number === undefined) {
    assert(numbers.size < maxProtocols, 'datagram protocols are named by programs, not by peers')
    number = createHash('sha256').update(protocol).digest().readUInt32BE(0)
    numbers.set(protocol, number)
  }
  return number
}

/** One end's counters, shared by all protocols of a link. */
export interface DatagramCodec {
  encode(protocol: string, payload: Uint8Array): Buffer
  /** Undefined where it is malformed, repeated or too old. */
  decode(bytes: Uint8Array): { readonly number: number; readonly payload: Uint8Array } | undefined
}

export function createDatagramCodec(window: ReplayWindow = createReplayWindow()): DatagramCodec {
  let counter = 0
  return {
    encode(protocol, payload) {
      const bytes = Buffer.allocUnsafe(datagramHeaderBytes + payload.length)
      bytes.writeUInt32BE(protocolNumber(protocol), 0)
      bytes.writeBigUInt64BE(BigInt(counter++), 4)
      bytes.set(payload, datagramHeaderBytes)
      return bytes
    },
    decode(bytes) {
      if (bytes.length < datagramHeaderBytes) return undefined
      const view = new DataView(bytes.buffer, bytes.byteOffset, datagramHeaderBytes)
      if (!window.accept(Number(view.getBigUint64(4)))) return undefined
      return { number: view.getUint32(0), payload: new Uint8Array(bytes.subarray(datagramHeaderBytes)) }
    },
  }
}
