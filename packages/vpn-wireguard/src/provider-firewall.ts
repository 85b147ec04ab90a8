/**
 * The provider's nftables table: who may send through the tunnel interface, to where, and how many bytes it was.
 *
 * Every packet is judged, also of established flows. A session exists for the firewall while its address is in `active`:
 * taking it out is one transaction, after which no packet of the session is forwarded, either way. Bytes are counted
 * last, at the inner side, in the elements of `sent` and `received`: what was dropped is not billed.
 *
 * Other tables on the machine keep their say: an own `forward` policy of the operator (ufw, docker) that drops, drops.
 *
 * @module
 */

import { applyNft, type ExitPolicy, renderNftPolicy, runCommand, type TrafficStats } from '@myst/vpn'

export interface ProviderFirewall {
  add(address: string): Promise<void>
  remove(address: string): Promise<void>
  setActive(address: string, active: boolean): Promise<void>
  /** UDP packets to this port of ours go to wireguard's, in the kernel; its answers leave from this port. */
  openDirect(port: number): Promise<void>
  closeDirect(port: number): Promise<void>
  /** By session address. */
  counters(): Promise<ReadonlyMap<string, TrafficStats>>
  close(): Promise<void>
}

export interface ProviderFirewallOptions {
  /** Of the interface and the table. */
  readonly name: string
  readonly policy: ExitPolicy
  /** CIDR of all session addresses. */
  readonly sessions: string
  readonly wireguardPort: number
  /** Name of a chain to which forwarded packets that are no session's go, where this host did not forward before. */
  readonly closedBefore: string | undefined
}

export async function createProviderFirewall(options: ProviderFirewallOptions): Promise<ProviderFirewall> {
  const { name } = options
  const change = (lines: readonly string[]) => applyNft(lines.map((line) => `${line}\n`).join(''))
  const element = (verb: 'add' | 'delete', set: string, value: string | number) =>
    `${verb} element inet ${name} ${set} { ${value} }`

  await applyNft(renderTable(options))
  return {
    add: (address) => change(['sent', 'received', 'active'].map((set) => element('add', set, address))),
    // `add` before `delete`, since a paused session is not in `active` and deleting what is not there fails the whole.
    remove: (address) =>
      change([
        element('add', 'active', address),
        ...['active', 'sent', 'received'].map((set) => element('delete', set, address)),
      ]),
    setActive: (address, active) =>
      change([element('add', 'active', address), ...(active ? [] : [element('delete', 'active', address)])]),
    openDirect: (port) => change([element('add', 'direct_ports', port)]),
    closeDirect: (port) => change([element('delete', 'direct_ports', port)]),
    async counters() {
      const sets = await Promise.all([listCounters(name, 'sent'), listCounters(name, 'received')])
      const [sent, received] = sets
      return new Map(
        [...sent].map(([address, sentBytes]) => [address, { sentBytes, receivedBytes: received.get(address) ?? 0n }]),
      )
    },
    close: () => applyNft(`table inet ${name}\ndelete table inet ${name}\n`),
  }
}

function renderTable({ name, policy, sessions, wireguardPort, closedBefore }: ProviderFirewallOptions): string {
  return `
table inet ${name} {
  ${renderNftPolicy(policy)}
  set active { type ipv4_addr; }
  set sent { type ipv4_addr; counter; }
  set received { type ipv4_addr; counter; }
  set direct_ports { type inet_service; }

  # Nobody beside the tunnel writes to a session: not a neighbour on the provider's LAN, not a spoofed answer.
  chain outside {
    type filter hook prerouting priority raw
    iifname != "${name}" ip daddr ${sessions} drop
  }
  # A punched port of ours leads to wireguard's one port. Its answers take the same way back, by connection tracking.
  chain direct {
    type nat hook prerouting priority dstnat
    iifname != "${name}" fib daddr type local udp dport @direct_ports redirect to :${wireguardPort}
  }
  # The provider's own addresses, whichever they are at the moment.
  chain own {
    type filter hook input priority filter - 5
    iifname "${name}" drop
  }
  ${closedBefore === undefined ? '' : `chain ${closedBefore} { drop; }`}
  chain forward {
    type filter hook forward priority filter - 5
    iifname "${name}" goto from_consumer
    oifname "${name}" goto to_consumer
    ${closedBefore === undefined ? '' : `goto ${closedBefore}`}
  }
  chain from_consumer {
    meta nfproto != ipv4 drop
    oifname "${name}" drop
    ip saddr != @active drop
    jump may_leave
    ip saddr @sent accept
    drop
  }
  chain to_consumer {
    meta nfproto != ipv4 drop
    ip daddr != @active drop
    ct state != { established, related } drop
    jump may_return
    ip daddr @received accept
    drop
  }
  # Random ports, so that no consumer can choose the outer port of a flow and shadow another's.
  chain hide {
    type nat hook postrouting priority srcnat
    ip saddr ${sessions} oifname != "${name}" masquerade random,fully-random
  }
}
`
}

interface NftSetList {
  readonly nftables: readonly {
    readonly set?: { readonly elem?: readonly { readonly elem?: { val: string; counter?: { bytes: number } } }[] }
  }[]
}

async function listCounters(table: string, set: string): Promise<Map<string, bigint>> {
  const list = JSON.parse(await runCommand('nft', ['-j', 'list', 'set', 'inet', table, set])) as NftSetList
  const elements = list.nftables.flatMap((item) => item.set?.elem ?? [])
  return new Map(elements.flatMap(({ elem }) => (elem ? [[elem.val, BigInt(elem.counter?.bytes ?? 0)] as const] : [])))
}
