/**
 * The consumer's routes: everything through the tunnel, but what carries the tunnel itself.
 *
 * A routing table of our own and one rule that leads to it before the machine's main table, which stays as it is. So
 * a route that DHCP or a router advertises later pulls nothing out of the tunnel, and the old state is there again once
 * the rule is gone. What stays outside has a `throw` route: the search goes on in the main table. When the interface
 * dies, the table's last route answers "unreachable": closed, not open. IPv6 has no tunnel, and only that last route.
 *
 * @module
 */

import { access } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { applyIp, undoIp } from '@myst/vpn'

/** Before `main` (32766) and what people add by hand (32765 downwards), after `local` (0). */
const rulePriority = 7_320
/** Neighbour discovery answers go to link-local addresses; without them nothing outside the tunnel works in IPv6. */
const linkLocalV6 = 'fe80::/10'

export interface TunnelRoutes {
  /** Keeps one more address or CIDR outside. Safe to repeat. */
  keepOutside(destination: string): Promise<void>
  close(): Promise<void>
}

/** @param table its number, from `nameRouteTable`. @param outside addresses and CIDRs of either family. */
export async function routeThrough(name: string, table: number, outside: readonly string[]): Promise<TunnelRoutes> {
  const kept = new Set(outside)
  const v6 = await hasIpv6()
  const keep = (destination: string) => `route replace throw ${destination} table ${table}`
  const closeV4 = () => undoIp([`rule del lookup ${table}`, `route flush table ${table}`])
  const closeV6 = () => undoIp([`rule del lookup ${table}`, `route flush table ${table}`], '-6')
  const close = async () => void (await Promise.all([closeV4(), ...(v6 ? [closeV6()] : [])]))
  try {
    // The rule comes last: until then nothing has changed for anybody.
    await applyIp([
      ...outside.filter(isV4).map(keep),
      `route replace default dev ${name} table ${table}`,
      `route replace unreachable default metric 4096 table ${table}`,
      `rule add priority ${rulePriority} lookup ${table}`,
    ])
    if (v6)
      await applyIp(
        [
          ...[linkLocalV6, ...outside.filter((destination) => !isV4(destination))].map(keep),
          `route replace unreachable default metric 4096 table ${table}`,
          `rule add priority ${rulePriority} lookup ${table}`,
        ],
        '-6',
      )
  } catch (error) {
    await close()
    throw error
  }
  return {
    async keepOutside(destination) {
      if (kept.has(destination)) return
      kept.add(destination)
      await applyIp([keep(destination)], isV4(destination) ? '-4' : '-6')
    },
    close,
  }
}

/** The rules and routes of a table whose owner is gone. */
export async function undoRoutes(table: number): Promise<void> {
  const lines = [`rule del lookup ${table}`, `route flush table ${table}`]
  await Promise.all([undoIp(lines), undoIp(lines, '-6')])
}

const isV4 = (destination: string): boolean => isIPv4(destination.split('/')[0] ?? '')

const hasIpv6 = (): Promise<boolean> =>
  access('/proc/net/if_inet6').then(
    () => true,
    () => false,
  )
