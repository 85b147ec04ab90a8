/**
 * The provider's side: one interface and one wireguard for all sessions, each a peer with an address of its own.
 *
 * A session on a punched path keeps that one wireguard too: the kernel redirects the punched port to wireguard's
 * (`provider-firewall.ts`). An interface per session would cost a process each, and passing the packets through this
 * process half of the throughput.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import { applyIp, type Offer, type OfferConfig, type ProviderDriver, type TrafficStats } from '@myst/vpn'
import { createAddressPool } from './address-pool.ts'
import { openForwarding } from './forwarding.ts'
import { createKeyPair } from './keys.ts'
import { removeLeftovers } from './leftovers.ts'
import { nameInterface } from './owner.ts'
import { tunnelMtu } from './parameters.ts'
import { createProviderFirewall } from './provider-firewall.ts'
import { openProviderTunnel } from './provider-tunnel.ts'
import { configure, inspect } from './uapi.ts'
import { createUndoStack } from './undo.ts'
import { startWireguard } from './wireguard-process.ts'

export const serviceType = 'wireguard'

export interface WireguardProviderOptions {
  /** A /16 inside 10.0.0.0/8 for the sessions' addresses; choose another where the provider's network uses it. */
  readonly sessions?: string
}

const defaultSessions = '10.182.0.0/16'
/** Sessions that ask at once share one reading of the counters; older figures are not handed out. */
const countersMaxAgeMs = 100

export function createWireguardProvider(options: WireguardProviderOptions = {}): ProviderDriver {
  return { serviceType, offer: (config) => offer(config, options.sessions ?? defaultSessions) }
}

async function offer({ policy }: OfferConfig, sessions: string): Promise<Offer> {
  const pool = createAddressPool(sessions)
  await removeLeftovers()
  const name = await nameInterface('p')
  const wireguard = await startWireguard(name)
  const undo = createUndoStack()
  undo.push(wireguard.close)
  try {
    const keys = createKeyPair()
    await configure(name, [`private_key=${keys.privateKey}`])
    const { listenPort: wireguardPort } = await inspect(name)
    await applyIp([
      `address add ${pool.gateway} dev ${name}`,
      `link set ${name} mtu ${tunnelMtu} up`,
      `route add ${sessions} dev ${name}`,
    ])
    const forwarding = await openForwarding()
    undo.push(forwarding.restore)
    const { closedBefore } = forwarding
    const firewall = await createProviderFirewall({ name, policy, sessions, wireguardPort, closedBefore })
    undo.push(firewall.close)

    const open = new Set<{ close(): Promise<void> }>()
    const peers = new Set<string>()
    undo.push(async () => {
      await Promise.all([...open].map((tunnel) => tunnel.close()))
    })
    const readCounters = shareReads(() => firewall.counters())
    return {
      async accept(session) {
        if (undo.done) throw new Fault('offer-closed', { name })
        const shared = { name, keys, wireguardPort, firewall, pool, peers, readCounters }
        const tunnel = await openProviderTunnel(shared, session, () => open.delete(tunnel))
        open.add(tunnel)
        return tunnel
      },
      close: undo.run,
    }
  } catch (error) {
    await undo.run()
    throw error
  }
}

type Counters = ReadonlyMap<string, TrafficStats>

/** One reading for all who ask within a short time. */
function shareReads(read: () => Promise<Counters>): () => Promise<Counters> {
  let latest: { readonly atMs: number; readonly counters: Promise<Counters> } | undefined
  return () => {
    const nowMs = performance.now()
    if (latest === undefined || nowMs - latest.atMs > countersMaxAgeMs) latest = { atMs: nowMs, counters: read() }
    return latest.counters
  }
}
