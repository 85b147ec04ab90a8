/**
 * The firewall and NAT of a home router, by kind (RFC 4787), as one nftables script.
 *
 * Measured on Linux: `masquerade` keeps the source port where it is free and filters by address and port; with
 * `random,fully-random` each destination gets another port. A full cone is a map from router port to inner endpoint
 * that outgoing packets fill.
 *
 * @module
 */

export type NatKind = 'cone' | 'symmetric' | 'full-cone'

export interface RouterKind {
  readonly kind: NatKind
  /** Unsolicited packets to the router itself are not dropped but answered, and so recorded as flows (they clash with a punch). */
  readonly open?: boolean
}

/** Interfaces of every router here: `wan` towards the internet (or the next router), `lan` towards its hosts. */
export function routerRules({ kind, open = false }: RouterKind): string {
  const masquerade = kind === 'symmetric' ? 'masquerade random,fully-random' : 'masquerade'
  return `
table ip router {
  map full_cone {
    type inet_service : ipv4_addr . inet_service
    flags dynamic, timeout
    timeout 5m
    size 65535
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    ${kind === 'full-cone' ? 'iifname "wan" dnat ip to udp dport map @full_cone' : ''}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ${kind === 'full-cone' ? 'oifname "wan" meta l4proto udp update @full_cone { udp sport : ip saddr . udp sport }' : ''}
    oifname "wan" ${masquerade}
  }
  chain input {
    type filter hook input priority filter; policy ${open ? 'accept' : 'drop'}
    ct state established,related accept
    iifname { "lan", "lo" } accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
  }
}
`
}
