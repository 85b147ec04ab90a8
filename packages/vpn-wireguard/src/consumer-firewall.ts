/**
 * The consumer's nftables table: the tunnel brings answers, and nothing that nobody asked for.
 *
 * The kill switch (what may leave the machine at all) is another's; this only shuts the doors that a tunnel opens.
 *
 * @module
 */

import { applyNft } from '@myst/vpn'

export interface ConsumerFirewall {
  close(): Promise<void>
}

export async function createConsumerFirewall(name: string, address: string): Promise<ConsumerFirewall> {
  await applyNft(`
table inet ${name} {
  # A neighbour could ask every address in turn which one is our tunnel's, and inject into its flows (CVE-2019-14899).
  chain outside {
    type filter hook prerouting priority raw
    iifname != { "${name}", "lo" } ip daddr ${address} drop
  }
  # The provider reaches no service of this machine, its API least of all.
  chain inside {
    type filter hook input priority filter - 5
    iifname "${name}" meta nfproto != ipv4 drop
    iifname "${name}" ct state != { established, related } drop
  }
  chain through {
    type filter hook forward priority filter - 5
    iifname "${name}" ct state != { established, related } drop
  }
  chain leave {
    type filter hook output priority filter - 5
    oifname "${name}" meta nfproto != ipv4 drop
  }
}
`)
  return { close: () => applyNft(`table inet ${name}\ndelete table inet ${name}\n`) }
}
