/**
 * SOCKS5 addresses: atyp 1 ‖ address ‖ port 2, big-endian (RFC 1928 §5).
 *
 * @module
 */

import { isIPv4, isIPv6 } from 'node:net'
import type { Destination } from './destination.ts'

const atyp = { ipv4: 1, name: 3, ipv6: 4 } as const

/** How many bytes an address takes in all, from its first two; undefined for an unknown type. */
export function addressLength(type: number, nameLength: number): number | undefined {
  if (type === atyp.ipv4) return 1 + 4 + 2
  if (type === atyp.ipv6) return 1 + 16 + 2
  if (type === atyp.name) return 1 + 1 + nameLength + 2
  return undefined
}

/** @returns the destination and what follows it; undefined where the bytes are not an address. */
export function decodeAddress(bytes: Uint8Array): { destination: Destination; rest: Uint8Array } | undefined {
  const [type = 0, first = 0] = bytes
  const length = addressLength(type, first)
  if (length === undefined || bytes.length < length) return undefined
  const port = ((bytes[length - 2] as number) << 8) | (bytes[length - 1] as number)
  const host = hostOf(type, bytes.subarray(1, length - 2))
  return host === undefined ? undefined : { destination: { host, port }, rest: bytes.subarray(length) }
}

function hostOf(type: number, bytes: Uint8Array): string | undefined {
  if (type === atyp.ipv4) return bytes.join('.')
  if (type === atyp.ipv6) {
    const groups = Array.from({ length: 8 }, (_, index) => {
      return (((bytes[2 * index] as number) << 8) | (bytes[2 * index + 1] as number)).toString(16)
    })
    return groups.join(':')
  }
  const name = new TextDecoder().decode(bytes.slice(1))
  // Names as in DNS; an underscore is common in practice. Anything else has no place in a resolver.
  return /^[A-Za-z0-9._-]{1,253}$/.test(name) || isIPv6(name) ? name : undefined
}

export function encodeAddress({ host, port }: Destination): Uint8Array {
  const tail = [port >> 8, port & 0xff]
  if (isIPv4(host)) return Uint8Array.of(atyp.ipv4, ...host.split('.').map(Number), ...tail)
  if (isIPv6(host)) return Uint8Array.of(atyp.ipv6, ...ipv6Bytes(host), ...tail)
  const name = new TextEncoder().encode(host)
  return Uint8Array.of(atyp.name, name.length, ...name, ...tail)
}

function ipv6Bytes(host: string): number[] {
  const bare = host.replace(/%.*$/, '')
  const embedded = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare)
  const plain =
    embedded === null
      ? bare
      : `${embedded[1]}${((Number(embedded[2]) << 8) | Number(embedded[3])).toString(16)}:${((Number(embedded[4]) << 8) | Number(embedded[5])).toString(16)}`
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
