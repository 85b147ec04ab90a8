/**
 * Exit protection: where a consumer's traffic may go.
 *
 * The core rule: a consumer reaches only public unicast destinations, never the provider's own network. What counts as
 * public is IANA's special-purpose registries (RFC 6890 and its updates), turned round. A network profile may name more
 * ranges or single endpoints (only the devnet profile does); a driver may add the host's own addresses and subnets.
 *
 * @module
 */

import { type BlockList, isIPv4 } from 'node:net'
import { Fault } from '@myst/protocol'
import { canonicalIp, embeddedIpv4, isPlainIp } from './ip.ts'
import { type HostNetwork, ownNetworks } from './own-networks.ts'
import { blockList, isPublicUnicast } from './special-purpose.ts'

export interface ExitPolicy {
  /** CIDRs that count as public although they are special-purpose (lab ranges; the devnet profile alone). */
  readonly publicRanges: readonly string[]
  /** Single endpoints that are reachable whatever their range (the devnet's own website on loopback). `host:port`, `[v6]:port`. */
  readonly publicEndpoints: readonly string[]
  /** CIDRs that are never reachable, also inside a public range: own addresses, on-link subnets. They win over ranges, not over `publicEndpoints`. */
  readonly denied: readonly string[]
  /** TCP and UDP ports that are never reachable, but at `publicEndpoints`. None where absent. */
  readonly deniedPorts?: readonly number[]
}

export interface ExitPolicyOptions {
  /** What the network profile counts as public besides the public internet. */
  readonly profile?: Partial<Pick<ExitPolicy, 'publicRanges' | 'publicEndpoints'>>
  /** More addresses and CIDRs to deny: the router's outer address (hairpin), API hosts. */
  readonly denied?: readonly string[]
  /** Default: SMTP, so that an exit is of no use for unsolicited mail. */
  readonly deniedPorts?: readonly number[]
  /** Whose addresses and subnets are denied; default: this machine's. */
  readonly host?: HostNetwork
}

/** SMTP between servers (RFC 5321). Submission (587, 465) asks for a login and stays open. */
const mailPorts = [25]

/** @throws Fault `exit-policy-invalid` where a CIDR, endpoint or port is none. */
export function createExitPolicy(options: ExitPolicyOptions = {}): ExitPolicy {
  const policy: ExitPolicy = {
    publicRanges: options.profile?.publicRanges ?? [],
    publicEndpoints: options.profile?.publicEndpoints ?? [],
    denied: [...new Set([...(options.denied ?? []).map(asCidr), ...ownNetworks(options.host)])],
    deniedPorts: options.deniedPorts ?? mailPorts,
  }
  compile(policy)
  return policy
}

/** `address` as the CIDR that holds it alone; a CIDR as it is. */
function asCidr(text: string): string {
  return text.includes('/') ? text : `${text}/${isIPv4(text) ? 32 : 128}`
}

/** Whether a consumer may send to `ip`, which must be an address: resolve names first, and connect to what was checked. */
export function mayReach(policy: ExitPolicy, ip: string, port: number): boolean {
  if (!isPlainIp(ip)) return false
  const rules = compile(policy)
  const target = embeddedIpv4(ip) ?? ip
  if (rules.endpoints.has(endpointKey(ip, port)) || rules.endpoints.has(endpointKey(target, port))) return true
  if (inside(rules.denied, ip) || inside(rules.denied, target) || rules.ports.has(port)) return false
  return inside(rules.ranges, target) || isPublicUnicast(target)
}

interface Rules {
  readonly ranges: BlockList
  readonly denied: BlockList
  readonly endpoints: ReadonlySet<string>
  readonly ports: ReadonlySet<number>
}

const compiled = new WeakMap<ExitPolicy, Rules>()

function compile(policy: ExitPolicy): Rules {
  const known = compiled.get(policy)
  if (known !== undefined) return known
  try {
    const rules: Rules = {
      ranges: blockList(policy.publicRanges),
      denied: blockList(policy.denied),
      endpoints: new Set(policy.publicEndpoints.map((text) => endpointKey(...parseEndpoint(text)))),
      ports: new Set(policy.deniedPorts),
    }
    compiled.set(policy, rules)
    return rules
  } catch (cause) {
    throw new Fault('exit-policy-invalid', { why: cause instanceof Error ? cause.message : String(cause) }, { cause })
  }
}

/** `1.2.3.4:80` or `[2001:db8::1]:80`. @throws RangeError. */
export function parseEndpoint(text: string): [host: string, port: number] {
  const [, v6, v4, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = v6 ?? v4
  const port = Number(digits)
  if (host === undefined || !isPlainIp(host) || port < 1 || port > 65_535)
    throw new RangeError(`not an endpoint: ${text}`)
  return [host, port]
}

const endpointKey = (ip: string, port: number): string => `${canonicalIp(ip)} ${port}`
const inside = (list: BlockList, ip: string): boolean => list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6')
