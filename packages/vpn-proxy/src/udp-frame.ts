/**
 * A proxied UDP datagram on the link: flow 4 ‖ SOCKS5 address ‖ payload, big-endian. Towards the exit the address is the
 * destination, back it is the source.
 *
 * @module
 */

import { concatBytes } from '@myst/protocol'
import type { Destination } from './destination.ts'
import { decodeAddress, encodeAddress } from './socks-address.ts'

export interface UdpFrame {
  readonly flow: number
  readonly address: Destination
  readonly payload: Uint8Array
}

export function encodeUdpFrame({ flow, address, payload }: UdpFrame): Uint8Array {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, flow)
  return concatBytes(head, encodeAddress(address), payload)
}

export function decodeUdpFrame(bytes: Uint8Array): UdpFrame | undefined {
  if (bytes.length < 4) return undefined
  const flow = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const decoded = decodeAddress(bytes.subarray(4))
  return decoded && { flow, address: decoded.destination, payload: decoded.rest }
}
