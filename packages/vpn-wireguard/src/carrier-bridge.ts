/**
 * Joins a wireguard peer to a link's datagrams: for wireguard the other side is a UDP socket on loopback.
 *
 * @module
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Carrier } from '@myst/vpn'

export interface CarrierBridge {
  /** The peer's endpoint, as wireguard sees it. */
  readonly endpoint: string
  /**
   * Drops what comes in for a while: wireguard would take a late packet for a sign that its peer has moved back here. For
   * a while only, since what comes in after it is not late: the peer did move back, perhaps unable to tell us.
   */
  mute(): void
  unmute(wireguardPort: number): void
  close(): Promise<void>
}

/** A few hundred ms of a fast download: without it wireguard-go's bursts overflow the default 208 KiB. */
const socketBufferBytes = 4 << 20
/** Longer than any queue on the way holds a packet. */
const muteMs = 2_000
const loopback = '127.0.0.1'
/** First byte of a handshake initiation (WireGuard paper, §5.4.2). */
const initiationType = 1
/**
 * A first packet that a fresh path loses costs wireguard 5 s until it tries again. The same bytes may be sent again: if
 * the other side has had them, it drops the copy as a replay.
 */
const repeatAfterMs = [150, 300, 600, 1_200]

/** @param wireguardPort where wireguard listens; from its first packet on, the port that packet came from. */
export async function joinCarrier(carrier: Carrier, wireguardPort: number): Promise<CarrierBridge> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: socketBufferBytes, sendBufferSize: socketBufferBytes })
  let port = wireguardPort
  let open = true
  let mutedUntilMs = 0
  let heard = false
  const repeats = new Set<NodeJS.Timeout>()

  socket.on('error', () => {}) // a send to a wireguard that has just ended; its owner learns that from `ended`
  socket.on('message', (bytes, from) => {
    if (from.address !== loopback) return
    port = from.port
    carrier.sendDatagram(bytes)
    if (heard || bytes[0] !== initiationType) return
    const copy = Uint8Array.from(bytes)
    for (const afterMs of repeatAfterMs) {
      const timer = setTimeout(() => {
        repeats.delete(timer)
        carrier.sendDatagram(copy)
      }, afterMs)
      repeats.add(timer)
    }
  })
  carrier.onDatagram((bytes) => {
    if (!open || performance.now() < mutedUntilMs) return
    heard = true
    stopRepeats()
    socket.send(bytes, port, loopback)
  })
  const stopRepeats = () => {
    for (const timer of repeats) clearTimeout(timer)
    repeats.clear()
  }

  socket.bind(0, loopback)
  await once(socket, 'listening')
  return {
    endpoint: `${loopback}:${socket.address().port}`,
    mute() {
      mutedUntilMs = performance.now() + muteMs
    },
    unmute(wireguardPort) {
      mutedUntilMs = 0
      port = wireguardPort
    },
    async close() {
      if (!open) return
      open = false
      stopRepeats()
      carrier.onDatagram(() => {})
      await new Promise<void>((resolve) => socket.close(resolve))
    },
  }
}
