/**
 * Moves the consumer's wireguard between its carrier and a punched port, while traffic flows.
 *
 * wireguard follows its peer: whatever authenticated packet comes in last says where the peer is. A packet that is late
 * on the old path, or waits in wireguard's queue, therefore turns either side back, and one who only downloads has
 * nothing to say that would turn it again (measured: one move in three stalled a download for good). So the consumer
 * leads: it shuts its old path, and names the new one and speaks on it until nothing can be late any more.
 *
 * @module
 */

import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import type { TunnelPath } from '@myst/vpn'
import type { CarrierBridge } from './carrier-bridge.ts'
import { configure, inspect } from './uapi.ts'

export interface ConsumerPath {
  /** Speaks on the carrier for the first time: fires the handshake. */
  begin(): Promise<void>
  /** @throws Fault `path-dead` where the provider is not heard on a direct path; the tunnel is on its carrier again then. */
  move(path: TunnelPath): Promise<void>
  close(): void
}

/** Home routers forget an idle UDP flow after 30 s. Only the initiator keeps it alive (`provider-tunnel.ts`). */
const keepAliveSeconds = 25
/** Round trips of the farthest paths take 0.3 s. */
const answerTimeoutMs = 1_500
/** A small part of a round trip; a look is a local socket's answer about one peer. */
const pollMs = 3
/** 32 bytes each, for 3 s: beyond it nothing is late any more, and both carriers are open again (`carrier-bridge.ts`). */
const insistAfterMs = [30, 30, 60, 60, 120, 120, 240, 480, 960, 960]

export function createConsumerPath(name: string, publicKey: string, bridge: CarrierBridge): ConsumerPath {
  let insisting = new AbortController()

  /** Where the peer is, and a packet to it: turning the keep-alive on sends one at once. */
  const speakTo = (endpoint: string) => [
    `public_key=${publicKey}`,
    'update_only=true',
    `endpoint=${endpoint}`,
    'persistent_keepalive_interval=0',
    `persistent_keepalive_interval=${keepAliveSeconds}`,
  ]
  const insistOn = async (endpoint: string, signal: AbortSignal) => {
    for (const waitMs of insistAfterMs) {
      await wait(waitMs, undefined, { signal })
      await configure(name, speakTo(endpoint))
    }
  }
  /** A port other than before: what comes in late at the old one is lost, and TCP sends it again. */
  const switchTo = async (port: number, endpoint: string) => {
    insisting.abort()
    await configure(name, [`listen_port=${port}`, ...speakTo(endpoint)])
    insisting = new AbortController()
    void insistOn(endpoint, insisting.signal).catch(() => {}) // the tunnel has moved on or ended
  }
  const useCarrier = async () => {
    await switchTo(anyPort, bridge.endpoint)
    bridge.unmute((await inspect(name)).listenPort)
  }

  return {
    begin: () => configure(name, speakTo(bridge.endpoint)),
    async move(path) {
      if (path.kind === 'carrier') return useCarrier()
      const { localPort, remote } = path
      const endpoint = `${remote.host}:${remote.port}`
      bridge.mute()
      try {
        await switchTo(localPort, endpoint)
        if (await hears(name, publicKey)) return
        throw new Fault('path-dead', { localPort, remote: endpoint, timeoutMs: answerTimeoutMs })
      } catch (error) {
        await useCarrier()
        throw error
      }
    },
    close: () => insisting.abort(),
  }
}

const anyPort = 0

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
