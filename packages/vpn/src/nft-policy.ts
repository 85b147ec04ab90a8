/**
 * The exit policy for the kernel: nftables sets and the two chains that judge every packet by them.
 *
 * A driver puts them into a table of its own and jumps to `may_leave` for packets from a consumer and `may_return` for
 * packets to one. Both come back for what is allowed and drop the rest; neither trusts an established flow.
 *
 * @module
 */

import { isIPv4 } from 'node:net'
import { type ExitPolicy, parseEndpoint } from './exit-policy.ts'
import { specialPurposeV4 } from './special-purpose.ts'

/**
 * IPv4 only: a driver that carries IPv6 has none yet, and drops it whole.
 *
 * `auto-merge`, since an own address lies inside its own subnet and nft takes no overlapping elements without it.
 */
export function renderNftPolicy(policy: ExitPolicy): string {
  const endpoints = policy.publicEndpoints.map(parseEndpoint).filter(([host]) => isIPv4(host))
  return `
  set policy_special { type ipv4_addr; flags interval; auto-merge; ${elements(specialPurposeV4)} }
  set policy_public { type ipv4_addr; flags interval; auto-merge; ${elements(policy.publicRanges.filter(isV4Cidr))} }
  set policy_denied { type ipv4_addr; flags interval; auto-merge; ${elements(policy.denied.filter(isV4Cidr))} }
  set policy_endpoints { type ipv4_addr . inet_service; ${elements(endpoints.map(([host, port]) => `${host} . ${port}`))} }
  set policy_ports { type inet_service; ${elements(policy.deniedPorts ?? [])} }
  chain may_leave {
    meta l4proto { tcp, udp } ip daddr . th dport @policy_endpoints return
    ip daddr @policy_denied drop
    meta l4proto { tcp, udp } th dport @policy_ports drop
    ip daddr @policy_public return
    ip daddr @policy_special drop
  }
  chain may_return {
    meta l4proto { tcp, udp } ip saddr . th sport @policy_endpoints return
    ip saddr @policy_denied drop
    ip saddr @policy_public return
    ip saddr @policy_special drop
  }
`
}

/** nft takes a subnet by any of its addresses, but calls `elements = { }` an error. */
const elements = (items: readonly (string | number)[]): string =>
  items.length === 0 ? '' : `elements = { ${items.join(', ')} };`

const isV4Cidr = (cidr: string): boolean => isIPv4(cidr.split('/')[0] ?? '')
