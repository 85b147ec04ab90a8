/**
 * What the two drivers tell each other in a session's request and accept.
 *
 * Request: `[1: version][32: consumer's public key]`.
 * Accept: `[1: version][32: provider's public key][4: consumer's IPv4 address][2: inner MTU, big-endian]`.
 * More bytes may follow in a later version of the same number; they are ignored.
 *
 * @module
 */

import { Fault } from '@myst/protocol'

const version = 1
/** A public key of Curve25519. */
const keyBytes = 32
/** Version and the consumer's key; more may follow, and is ignored. */
const requestBytes = 1 + keyBytes
/** Version, the provider's key, the consumer's IPv4 address 4, inner MTU 2; more may follow here, too. */
const acceptBytes = requestBytes + 4 + 2

/**
 * A fresh link takes datagrams of 1,188 bytes, and learns of more only from bulk traffic; WireGuard pads to 16 and adds 32.
 * A larger packet would vanish on the carrier without an error. Below IPv6's least, which the tunnel doesn't carry.
 */
export const tunnelMtu = 1152
/** RFC 791: every host takes 576 bytes; a provider that names less wants packets cut to dust. */
const minMtu = 576

export interface TunnelRequest {
  readonly publicKey: string
}

export interface TunnelAccept {
  readonly publicKey: string
  readonly address: string
  readonly mtu: number
}

export function encodeRequest({ publicKey }: TunnelRequest): Uint8Array {
  return Uint8Array.of(version, ...Buffer.from(publicKey, 'hex'))
}

/** @throws Fault `parameters-invalid`. */
export function decodeRequest(bytes: Uint8Array): TunnelRequest {
  return { publicKey: decodeKey(bytes, requestBytes) }
}

export function encodeAccept({ publicKey, address, mtu }: TunnelAccept): Uint8Array {
  return Uint8Array.of(
    version,
    ...Buffer.from(publicKey, 'hex'),
    ...address.split('.').map(Number),
    mtu >> 8,
    mtu & 255,
  )
}

/** @throws Fault `parameters-invalid`: also for an address that is not private, which would shadow a public host. */
export function decodeAccept(bytes: Uint8Array): TunnelAccept {
  const publicKey = decodeKey(bytes, acceptBytes)
  const address = bytes.subarray(requestBytes, requestBytes + 4).join('.')
  const mtu = ((bytes[acceptBytes - 2] ?? 0) << 8) | (bytes[acceptBytes - 1] ?? 0)
  if (bytes[requestBytes] !== 10) throw new Fault('parameters-invalid', { why: 'address outside 10.0.0.0/8', address })
  if (mtu < minMtu || mtu > tunnelMtu) throw new Fault('parameters-invalid', { why: 'mtu', mtu, minMtu, tunnelMtu })
  return { publicKey, address, mtu }
}

function decodeKey(bytes: Uint8Array, minBytes: number): string {
  if (bytes.length < minBytes)
    throw new Fault('parameters-invalid', { why: 'too short', bytes: bytes.length, minBytes })
  if (bytes[0] !== version) throw new Fault('parameters-invalid', { why: 'version', version: bytes[0] })
  const key = bytes.subarray(1, requestBytes)
  // The all-zero key tells wireguard to forget its peer; no key pair has it.
  if (key.every((byte) => byte === 0)) throw new Fault('parameters-invalid', { why: 'empty key' })
  return Buffer.from(key).toString('hex')
}
