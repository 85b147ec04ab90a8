/**
 * IP addresses as text: strict parsing, and the IPv4 address that some IPv6 addresses carry.
 *
 * @module
 */

import { isIP, isIPv4, isIPv6 } from 'node:net'

/** An address without a zone: `fe80::1%eth0` names an interface of ours, which nobody outside may choose. */
export const isPlainIp = (text: string): boolean => isIP(text) !== 0 && !text.includes('%')

/** The eight 16-bit groups of an IPv6 address. */
export function groupsOf(ip: string): number[] {
  // A dotted tail (`::ffff:1.2.3.4`) is two groups.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip)
  const text = dotted ? `${dotted[1]}${pair(dotted[2], dotted[3])}:${pair(dotted[4], dotted[5])}` : ip
  const [head = '', tail] = text.split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const before = parse(head)
  const after = tail === undefined ? [] : parse(tail)
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

const pair = (high = '0', low = '0'): string => (Number(high) * 256 + Number(low)).toString(16)

/**
 * The IPv4 address that packets to `ip` end up at, or undefined: IPv4-mapped `::ffff:0:0/96` (RFC 4291), NAT64
 * `64:ff9b::/96` (RFC 6052), 6to4 `2002::/16` (RFC 3056).
 */
export function embeddedIpv4(ip: string): string | undefined {
  if (!isIPv6(ip)) return undefined
  const groups = groupsOf(ip)
  const starts = (...prefix: number[]) => prefix.every((group, index) => groups[index] === group)
  if (starts(0, 0, 0, 0, 0, 0xffff) || starts(0x64, 0xff9b, 0, 0, 0, 0)) return dottedOf(groups[6], groups[7])
  if (starts(0x2002)) return dottedOf(groups[1], groups[2])
  return undefined
}

const dottedOf = (high = 0, low = 0): string => [high >> 8, high & 255, low >> 8, low & 255].join('.')

/** One spelling per address, so that two texts can be compared. */
export function canonicalIp(ip: string): string {
  if (isIPv4(ip)) return ip
  return groupsOf(ip)
    .map((group) => group.toString(16))
    .join(':')
}
