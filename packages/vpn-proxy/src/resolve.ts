/**
 * From a name to an address that may be reached: the resolved address is checked, not the name, and the address that was
 * checked is the one that is dialled.
 *
 * @module
 */

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type ExitPolicy, mayReach } from '@myst/vpn'
import type { Destination } from './destination.ts'

export type Resolved =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly why: 'not-allowed' | 'unknown-host' }

export async function resolvePublic(policy: ExitPolicy, { host, port }: Destination): Promise<Resolved> {
  const addresses = isIP(host) !== 0 ? [host] : await addressesOf(host)
  if (addresses.length === 0) return { ok: false, why: 'unknown-host' }
  const address = addresses.find((candidate) => mayReach(policy, candidate, port))
  return address === undefined ? { ok: false, why: 'not-allowed' } : { ok: true, address }
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch {
    return []
  }
}
