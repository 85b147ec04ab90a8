/**
 * The consumer's side: one interface a session, which takes the default route.
 *
 * @module
 */

import { readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import {
  applyIp,
  type Carrier,
  type ConsumerDriver,
  type ConsumerOptions,
  type ConsumerTunnel,
  type PreparedTunnel,
  type TrafficStats,
  type TunnelPath,
} from '@myst/vpn'
import { joinCarrier } from './carrier-bridge.ts'
import { createConsumerFirewall } from './consumer-firewall.ts'
import { createConsumerPath } from './consumer-path.ts'
import { createKeyPair, type KeyPair } from './keys.ts'
import { removeLeftovers } from './leftovers.ts'
import { nameInterface, nameRouteTable } from './owner.ts'
import { decodeAccept, encodeRequest } from './parameters.ts'
import { serviceType } from './provider.ts'
import { routeThrough } from './routes.ts'
import { configure, inspect } from './uapi.ts'
import { createUndoStack, type UndoStack } from './undo.ts'
import { startWireguard } from './wireguard-process.ts'

export interface WireguardConsumerOptions {
  /** False: the tunnel is an interface that programs bind to, and the machine's routes stay as they are. Default true. */
  readonly defaultRoute?: boolean
}

/** One repetition by wireguard itself (5 s) and what a slow link takes. */
const handshakeTimeoutMs = 8_000
/** A small part of a handshake's round trip, and the person waits for it. */
const pollMs = 3

export function createWireguardConsumer(options: WireguardConsumerOptions = {}): ConsumerDriver {
  return { serviceType, prepare: (consumer) => prepare(consumer, options.defaultRoute ?? true) }
}

/** The interface is up before the session is asked for: its start overlaps nothing later. */
async function prepare({ keepOutside = [] }: ConsumerOptions, defaultRoute: boolean): Promise<PreparedTunnel> {
  await removeLeftovers()
  const keys = createKeyPair()
  const wireguard = await startWireguard(await nameInterface('c'))
  const undo = createUndoStack()
  undo.push(wireguard.close)
  return {
    parameters: encodeRequest(keys),
    async open(parameters, carrier) {
      try {
        const outside = defaultRoute ? keepOutside : undefined
        return await open(wireguard.name, keys, parameters, carrier, outside, undo)
      } catch (error) {
        await undo.run()
        throw error
      }
    },
    close: undo.run,
  }
}

async function open(
  name: string,
  keys: KeyPair,
  parameters: Uint8Array,
  carrier: Carrier,
  outside: readonly string[] | undefined,
  undo: UndoStack,
): Promise<ConsumerTunnel> {
  const { publicKey, address, mtu } = decodeAccept(parameters)
  await configure(name, [`private_key=${keys.privateKey}`])
  const bridge = await joinCarrier(carrier, (await inspect(name)).listenPort)
  undo.push(bridge.close)
  const firewall = await createConsumerFirewall(name, address)
  undo.push(firewall.close)
  // Address and link first: while the link is down wireguard-go loses the packets of a finished handshake.
  await applyIp([`address add ${address}/32 dev ${name}`, `link set ${name} mtu ${mtu} up`])

  const path = createConsumerPath(name, publicKey, bridge)
  undo.push(path.close)
  await configure(name, [`public_key=${publicKey}`, 'allowed_ip=0.0.0.0/0'])
  await path.begin()
  const handshake = awaitHandshake(name, publicKey)
  handshake.catch(() => {}) // awaited below; it may fail while the routes are being set
  const routes = outside && (await routeThrough(name, nameRouteTable(), outside))
  if (routes) undo.push(routes.close)
  await handshake

  let last: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  return {
    description: `wireguard interface ${name}`,
    async stats() {
      last = (await readTraffic(name)) ?? last
      return last
    },
    async usePath(next: TunnelPath) {
      if (next.kind === 'direct') await routes?.keepOutside(next.remote.host)
      await path.move(next)
    },
    async close() {
      last = (await readTraffic(name)) ?? last
      await undo.run()
    },
  }
}

/** @throws Fault `tunnel-no-handshake`. */
async function awaitHandshake(name: string, publicKey: string): Promise<void> {
  const deadlineMs = performance.now() + handshakeTimeoutMs
  while (performance.now() < deadlineMs) {
    if ((await inspect(name)).peers.get(publicKey)?.handshakeDone) return
    await wait(pollMs)
  }
  throw new Fault('tunnel-no-handshake', { name, timeoutMs: handshakeTimeoutMs })
}

/** At the interface, so inner packets as the machine's programs sent them. Undefined once the interface is gone. */
async function readTraffic(name: string): Promise<TrafficStats | undefined> {
  const text = await readFile('/proc/net/dev', 'utf8')
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${name}:`))
  if (line === undefined) return undefined
  // Eight columns of receiving, then eight of sending; bytes come first in each.
  const columns = line
    .slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)
  return { sentBytes: BigInt(columns[8] ?? 0), receivedBytes: BigInt(columns[0] ?? 0) }
}
