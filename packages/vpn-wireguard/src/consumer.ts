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
const pollMs = 3
/** Round trips of the farthest paths take 0.3 s. */
const answerTimeoutMs = 1_500
/** 32 bytes each. Beyond 3 s nothing is late any more, and the provider has shut its carrier. */
const speakAgainAfterMs = [30, 30, 60, 60, 120, 120, 240, 480, 960, 960]
/** Home routers forget an idle UDP flow after 30 s. Only the initiator keeps it alive (`provider-tunnel.ts`). */
const keepAliveSeconds = 25

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

  const peer = `public_key=${publicKey}`
  /** Off and on again: turning it on sends a packet at once, by which the provider learns our endpoint. */
  const speakNow = ['persistent_keepalive_interval=0', `persistent_keepalive_interval=${keepAliveSeconds}`]
  await configure(name, [peer, `endpoint=${bridge.endpoint}`, 'allowed_ip=0.0.0.0/0', ...speakNow])
  const handshake = awaitHandshake(name, publicKey)
  handshake.catch(() => {}) // awaited below; it may fail while the routes are being set
  const routes = outside && (await routeThrough(name, nameRouteTable(), outside))
  if (routes) undo.push(routes.close)
  await handshake

  let speaking = new AbortController()
  /**
   * What of ours is late on the carrier turns the provider's wireguard back to it, and one who only downloads has nothing
   * to say that would turn it again.
   */
  const keepSpeaking = async (signal: AbortSignal) => {
    for (const waitMs of speakAgainAfterMs) {
      await wait(waitMs, undefined, { signal })
      await configure(name, [peer, 'update_only=true', ...speakNow])
    }
  }
  undo.push(() => speaking.abort())
  const useCarrier = async () => {
    speaking.abort()
    // Another port, so that what is late on the direct path does not turn wireguard back to it.
    await configure(name, ['listen_port=0', peer, 'update_only=true', `endpoint=${bridge.endpoint}`])
    bridge.unmute((await inspect(name)).listenPort)
    await configure(name, [peer, 'update_only=true', ...speakNow])
  }

  let last: TrafficStats = { sentBytes: 0n, receivedBytes: 0n }
  return {
    description: `wireguard interface ${name}`,
    async stats() {
      last = (await readTraffic(name)) ?? last
      return last
    },
    async usePath(path: TunnelPath) {
      if (path.kind === 'carrier') return useCarrier()
      const { localPort, remote } = path
      speaking.abort()
      await routes?.keepOutside(remote.host)
      bridge.mute()
      const endpoint = `endpoint=${remote.host}:${remote.port}`
      await configure(name, [`listen_port=${localPort}`, peer, 'update_only=true', endpoint, ...speakNow])
      speaking = new AbortController()
      void keepSpeaking(speaking.signal).catch(() => {}) // the tunnel moved on or ended
      if (await hears(name, publicKey)) return
      await useCarrier()
      throw new Fault('path-dead', { localPort, remote: `${remote.host}:${remote.port}`, timeoutMs: answerTimeoutMs })
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

/** Whether a packet of the provider comes in; it sends one as soon as it has heard us (`provider-tunnel.ts`). */
async function hears(name: string, publicKey: string): Promise<boolean> {
  const received = async () => (await inspect(name)).peers.get(publicKey)?.receivedBytes ?? 0n
  const before = await received()
  const deadlineMs = performance.now() + answerTimeoutMs
  while (performance.now() < deadlineMs) {
    await wait(pollMs)
    if ((await received()) > before) return true
  }
  return false
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
