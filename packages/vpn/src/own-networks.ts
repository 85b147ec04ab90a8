/**
 * What this host is and what it sits on: its addresses and on-link subnets, which no consumer may reach through it.
 *
 * @module
 */

import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'

export interface HostNetwork {
  /** As `os.networkInterfaces()` tells them. */
  interfaces(): Readonly<Record<string, readonly InterfaceAddress[] | undefined>>
}

export interface InterfaceAddress {
  readonly address: string
  /** `192.168.1.7/24`, or null where the netmask is none. */
  readonly cidr: string | null
}

const thisHost: HostNetwork = { interfaces: networkInterfaces }

/** CIDRs: each address by itself and the subnet around it. They change with DHCP and roaming: ask again when the network changes. */
export function ownNetworks(host: HostNetwork = thisHost): string[] {
  const networks = new Set<string>()
  for (const addresses of Object.values(host.interfaces()))
    for (const { address, cidr } of addresses ?? []) {
      const plain = address.split('%')[0] ?? address
      networks.add(`${plain}/${isIPv4(plain) ? 32 : 128}`)
      if (cidr !== null) networks.add(cidr)
    }
  return [...networks]
}
