/**
 * STUN Binding, the part of RFC 8489 that tells a socket its outer address: a request, and its success response.
 *
 * Header, 20 bytes: `[2: type][2: length of what follows][4: magic cookie][12: transaction id]`, then attributes
 * `[2: type][2: length][value, padded to 4]`. No authentication: the transaction id must be unguessable instead.
 *
 * @module
 */

import { isIPv4 } from 'node:net'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

const bindingRequest = 0x0001
const bindingSuccess = 0x0101
const magicCookie = 0x2112a442
const xorMappedAddress = 0x0020
/** Comprehension-optional, so any server takes it; ours wants requests no shorter than its answer. */
const software = 0x8022
/** RFC 8489 §5: type 2, length 2, magic cookie 4, transaction id 12. */
const headerBytes = 20
/** RFC 8489 §5: 96 bits, unguessable. */
export const transactionIdBytes = 12
/** Header, attribute header, and family, port and IPv6 address: the longest answer. */
const requestBytes = headerBytes + 4 + 20

export function encodeBindingRequest(transactionId: Uint8Array): Buffer {
  const bytes = Buffer.alloc(requestBytes)
  writeHeader(bytes, bindingRequest, transactionId)
  bytes.writeUInt16BE(software, headerBytes)
  bytes.writeUInt16BE(requestBytes - headerBytes - 4, headerBytes + 2)
  bytes.write('myst'.padEnd(requestBytes - headerBytes - 4), headerBytes + 4, 'latin1')
  return bytes
}

/** The transaction id, or undefined where the bytes are no Binding request. */
export function decodeBindingRequest(bytes: Buffer): Uint8Array | undefined {
  return readHeader(bytes, bindingRequest)
}

export function encodeBindingResponse(transactionId: Uint8Array, { host, port }: Endpoint): Buffer {
  const address = isIPv4(host) ? Buffer.from(host.split('.').map(Number)) : undefined
  if (address === undefined) throw new RangeError(`not an IPv4 address: ${host}`)
  const bytes = Buffer.alloc(headerBytes + 12)
  writeHeader(bytes, bindingSuccess, transactionId)
  bytes.writeUInt16BE(xorMappedAddress, headerBytes)
  bytes.writeUInt16BE(8, headerBytes + 2)
  bytes[headerBytes + 5] = 1 // IPv4
  bytes.writeUInt16BE(port ^ (magicCookie >>> 16), headerBytes + 6)
  bytes.writeUInt32BE((address.readUInt32BE() ^ magicCookie) >>> 0, headerBytes + 8)
  return bytes
}

/** The outer address, or undefined where the bytes are no success for this transaction with an IPv4 address in it. */
export function decodeBindingResponse(bytes: Buffer, transactionId: Uint8Array): Endpoint | undefined {
  const id = readHeader(bytes, bindingSuccess)
  if (id === undefined || Buffer.compare(id, transactionId) !== 0) return undefined
  for (let at = headerBytes; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2)
    if (at + 4 + length > bytes.length) return undefined
    if (bytes.readUInt16BE(at) === xorMappedAddress && length === 8 && bytes[at + 5] === 1) {
      const address = (bytes.readUInt32BE(at + 8) ^ magicCookie) >>> 0
      const host = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
      return { host, port: bytes.readUInt16BE(at + 6) ^ (magicCookie >>> 16) }
    }
    at += 4 + Math.ceil(length / 4) * 4
  }
  return undefined
}

function writeHeader(bytes: Buffer, type: number, transactionId: Uint8Array): void {
  bytes.writeUInt16BE(type, 0)
  bytes.writeUInt16BE(bytes.length - headerBytes, 2)
  bytes.writeUInt32BE(magicCookie, 4)
  bytes.set(transactionId, 8)
}

function readHeader(bytes: Buffer, type: number): Uint8Array | undefined {
  if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== type) return undefined
  if (bytes.readUInt16BE(2) !== bytes.length - headerBytes || bytes.readUInt32BE(4) !== magicCookie) return undefined
  return bytes.subarray(8, headerBytes)
}
