/**
 * Special-purpose addresses: everything that is not one host on the public internet.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190 and what was registered since),
 * RFC 5771 and RFC 4291 for multicast, RFC 7526 for 192.88.99.0/24. The few anycast services inside these ranges that
 * are globally reachable (192.0.0.9, 2001:1::1 …) are refused with their range: nobody needs them through an exit.
 *
 * @module
 */

import { BlockList, isIPv4 } from 'node:net'
import { embeddedIpv4, isPlainIp } from './ip.ts'

export const specialPurposeV4 = [
  '0.0.0.0/8', // this network; 0.0.0.0 reaches the host itself
  '10.0.0.0/8', // private use
  '100.64.0.0/10', // shared by carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local; cloud metadata is 169.254.169.254
  '172.16.0.0/12', // private use
  '192.0.0.0/24', // IETF protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relay anycast, withdrawn
  '192.168.0.0/16', // private use
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and 255.255.255.255, broadcast
] as const

export const specialPurposeV6 = [
  '::/8', // unspecified, loopback, IPv4-compatible, IPv4-mapped (judged by the address inside)
  '64:ff9b::/96', // NAT64 (judged by the address inside)
  '64:ff9b:1::/48', // local-use NAT64
  '100::/64', // discard
  '100:0:0:1::/64', // dummy prefix
  '2001::/23', // IETF protocol assignments, with Teredo and ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4 (judged by the address inside)
  '3fff::/20', // documentation
  '5f00::/16', // segment routing
  'fc00::/7', // unique local
  'fe80::/10', // link-local
  'fec0::/10', // site-local, deprecated
  'ff00::/8', // multicast
] as const

/** The only block of IPv6 that IANA hands out for unicast; whatever lies outside is refused, listed above or not. */
export const globalUnicastV6 = '2000::/3'

const specialV4 = blockList(specialPurposeV4)
const specialV6 = blockList(specialPurposeV6)
const globalV6 = blockList([globalUnicastV6])

/**
 * Whether `ip` is one host on the public internet. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is
 * judged by what it carries. Anything but a plain address is not public: names, `127.1`, zones (`fe80::1%eth0`).
 */
export function isPublicUnicast(ip: string): boolean {
  if (!isPlainIp(ip)) return false
  const inner = isIPv4(ip) ? ip : embeddedIpv4(ip)
  if (inner !== undefined) return !specialV4.check(inner, 'ipv4')
  return globalV6.check(ip, 'ipv6') && !specialV6.check(ip, 'ipv6')
}

/** @throws RangeError where a CIDR is none. */
export function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix = ''] = cidr.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    const bits = Number(prefix)
    if (!isPlainIp(address) || !/^\d{1,3}$/.test(prefix) || bits > (family === 'ipv4' ? 32 : 128))
      throw new RangeError(`not a CIDR: ${cidr}`)
    list.addSubnet(address, bits, family)
  }
  return list
}
