/**
 * One session at the provider: a peer of the shared wireguard, an address, a line in the firewall.
 *
 * @module
 */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import {
  type Carrier,
  type ProviderTunnel,
  runCommand,
  type SessionOffer,
  type TrafficStats,
  type TunnelPath,
} from '@myst/vpn'
import type { AddressPool } from './address-pool.ts'
import { type CarrierBridge, joinCarrier } from './carrier-bridge.ts'
import type { KeyPair } from './keys.ts'
import { decodeRequest, encodeAccept, tunnelMtu } from './parameters.ts'
import type { ProviderFirewall } from './provider-firewall.ts'
import { configure, inspect } from './uapi.ts'
import { createUndoStack, type UndoStack } from './undo.ts'

/** What the sessions of one offer have in common. */
export interface SharedInterface {
  readonly name: string
  readonly keys: KeyPair
  readonly wireguardPort: number
  readonly firewall: ProviderFirewall
  readonly pool: AddressPool
  /** Public keys in use: a second session with one would take over the first one's address. */
  readonly peers: Set<string>
  readCounters(): Promise<ReadonlyMap<string, TrafficStats>>
}

export async function openProviderTunnel(
  shared: SharedInterface,
  { parameters, carrier }: SessionOffer,
  onClosed: () => void,
): Promise<ProviderTunnel> {
  const { peers } = shared
  const { publicKey } = decodeRequest(parameters)
  if (peers.has(publicKey)) throw new Fault('parameters-invalid', { why: 'key in use' })
  peers.add(publicKey)
  const undo = createUndoStack()
  undo.push(() => peers.delete(publicKey))
  try {
    return await openPeer(shared, publicKey, carrier, undo, onClosed)
  } catch (error) {
    await undo.run()
    throw error
  }
}

async function openPeer(
  { name, firewall, pool, ...shared }: SharedInterface,
  publicKey: string,
  carrier: Carrier,
  undo: UndoStack,
  onClosed: () => void,
): Promise<ProviderTunnel> {
  const address = pool.take()
  undo.push(() => pool.giveBack(address))
  const bridge = await joinCarrier(carrier, shared.wireguardPort)
  undo.push(bridge.close)
  // The responder sets neither endpoint nor keep-alive: it learns the one, and two keep-alives at once would make two
  // handshakes that undo each other.
  await configure(name, [`public_key=${publicKey}`, 'replace_allowed_ips=true', `allowed_ip=${address}/32`])
  undo.push(() => forgetSession(address))
  undo.push(() => configure(name, [`public_key=${publicKey}`, 'remove=true']))
  await firewall.add(address)
  undo.push(() => firewall.remove(address))

  let direct: { readonly socket: Socket; readonly follow: AbortController } | undefined
  const leaveDirect = async () => {
    if (direct === undefined) return
    const { socket, follow } = direct
    direct = undefined
    follow.abort()
    const { port } = socket.address()
    await firewall.closeDirect(port)
    await forgetFlows(port)
    await new Promise<void>((resolve) => socket.close(resolve))
  }
  undo.push(leaveDirect)
  let last: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  const stats = async () => {
    if (!undo.done) last = (await shared.readCounters()).get(address) ?? last
    return last
  }
  undo.push(onClosed)

  return {
    parameters: encodeAccept({ publicKey: shared.keys.publicKey, address, mtu: tunnelMtu }),
    stats,
    pause: () => firewall.setActive(address, false),
    resume: () => firewall.setActive(address, true),
    async usePath(path: TunnelPath) {
      await leaveDirect()
      if (path.kind === 'carrier') {
        bridge.unmute(shared.wireguardPort)
        await configure(name, [`public_key=${publicKey}`, 'update_only=true', `endpoint=${bridge.endpoint}`])
        return
      }
      const follow = new AbortController()
      if (path.localPort !== shared.wireguardPort) {
        direct = { socket: await holdPort(path.localPort), follow }
        await firewall.openDirect(path.localPort)
        await forgetFlows(path.localPort)
      }
      undo.push(() => follow.abort())
      void followConsumer(name, publicKey, bridge, follow.signal).catch(() => {}) // ended with the tunnel
    },
    async close() {
      if (!undo.done) {
        await firewall.setActive(address, false)
        last = (await firewall.counters()).get(address) ?? last // what is final is read anew, not shared
      }
      await undo.run()
    },
  }
}

/**
 * Until the consumer has moved, wireguard sends on the carrier. Once a packet has come in on the new path, the carrier is
 * shut, since a packet that is late on it would turn wireguard back; and one packet is sent, by which the consumer learns
 * that the new path works both ways.
 */
async function followConsumer(name: string, publicKey: string, bridge: CarrierBridge, signal: AbortSignal) {
  const peer = [`public_key=${publicKey}`, 'update_only=true']
  for (let waitMs = firstLookMs; waitMs < lastLookMs; waitMs *= lookGrowth) {
    await wait(waitMs, undefined, { signal })
    const endpoint = (await inspect(name)).peers.get(publicKey)?.endpoint
    if (signal.aborted || endpoint === undefined || endpoint === bridge.endpoint) continue
    bridge.mute()
    await configure(name, [...peer, `endpoint=${endpoint}`, 'persistent_keepalive_interval=25'])
    await configure(name, [...peer, 'persistent_keepalive_interval=0'])
    return
  }
}

/** A look costs 400 bytes a session of the offer: often at first, while the consumer is expected, then more seldom. */
const firstLookMs = 4
const lookGrowth = 1.3
/** Sums up to about 4 s; a consumer moves within a round trip or not at all. */
const lastLookMs = 1_000

/** Keeps others from being given the punched port; what arrives at it is redirected before it gets here. */
async function holdPort(port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_096 })
  socket.bind(port, '0.0.0.0')
  await once(socket, 'listening').catch((cause) => {
    throw new Fault('port-taken', { port }, { cause })
  })
  return socket
}

/** The punch's own packets were tracked as a flow that ends here; only a new flow is redirected. */
const forgetFlows = (port: number) =>
  Promise.all([
    forget(['-p', 'udp', '--orig-port-src', `${port}`]),
    forget(['-p', 'udp', '--orig-port-dst', `${port}`]),
  ])

/** Answers to a session that is over must not reach the next one with its address. */
const forgetSession = (address: string) => forget(['--orig-src', address])

async function forget(filter: readonly string[]): Promise<void> {
  await runCommand('conntrack', ['-D', ...filter]).catch((fault: unknown) => {
    if (fault instanceof Fault && fault.facts.exitCode === 1) return // there was none
    throw fault
  })
}
