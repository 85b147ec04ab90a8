/**
 * Which addresses that a peer named may be dialled.
 *
 * A peer can name any address: one in our own network, or a victim's. Only public unicast is dialled, so that no peer
 * makes us touch a printer or a metadata service, and private ranges where the person allows peers in the local network.
 *
 * Source: IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast (RFC 5771). HyperDHT speaks IPv4 only.
 *
 * @module
 */

import { BlockList, isIPv4 } from 'node:net'

const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16']
const specialRanges = [
  '0.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]

function list(ranges: readonly string[]): BlockList {
  const blocks = new BlockList()
  for (const range of ranges) {
    const [address, bits] = range.split('/')
    blocks.addSubnet(address!, Number(bits), 'ipv4')
  }
  return blocks
}

const privateBlocks = list(privateRanges)
const specialBlocks = list(specialRanges)

export function isPublicUnicast(host: string, { lan = false }: { readonly lan?: boolean } = {}): boolean {
  if (!isIPv4(host) || specialBlocks.check(host)) return false
  return lan || !privateBlocks.check(host)
}
