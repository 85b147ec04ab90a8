/**
 * The provider's side: opens each consumer's flows to public destinations and counts them.
 *
 * @module
 */

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createConnection, isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decodeMessage } from '@myst/protocol'
import type { Carrier, ExitPolicy, Offer, ProviderDriver, ProviderTunnel } from '@myst/vpn'
import { type Destination, flowHeaderSchema, flowStatus } from './destination.ts'
import { createMeter, type Meter } from './meter.ts'
import { resolvePublic } from './resolve.ts'
import { decodeUdpFrame, encodeUdpFrame } from './udp-frame.ts'

/** Flows of one session: a browser opens dozens, a scraper hundreds. */
const maxFlows = 512
const connectTimeoutMs = 10_000

export const proxyProviderDriver: ProviderDriver = {
  serviceType: 'proxy',
  async offer({ policy, egressAddress }): Promise<Offer> {
    const tunnels = new Set<ProviderTunnel>()
    return {
      async accept({ carrier }) {
        const tunnel = serveCarrier(carrier, { policy, egressAddress })
        tunnels.add(tunnel)
        return tunnel
      },
      async close() {
        await Promise.all([...tunnels].map((tunnel) => tunnel.close()))
      },
    }
  },
}

interface Exit {
  readonly policy: ExitPolicy
  readonly egressAddress: string | undefined
}

function serveCarrier(carrier: Carrier, exit: Exit): ProviderTunnel {
  const meter = createMeter()
  const flows = new Set<Duplex>()
  const associations = new Map<number, UdpSocket>()
  let closed = false

  carrier.onStream((stream, header) => {
    stream.on('error', () => {})
    const decoded = decodeMessage(flowHeaderSchema, header)
    if (closed || !decoded.ok || flows.size >= maxFlows) return void stream.destroy()
    flows.add(stream)
    stream.once('close', () => flows.delete(stream))
    const { kind, host, port, flow } = decoded.value
    if (kind === 'tcp' && host !== undefined && port !== undefined) void serveTcp(stream, { host, port }, exit, meter)
    else if (kind === 'udp' && flow !== undefined) serveUdp(stream, flow)
    else stream.destroy()
  })

  carrier.onDatagram((bytes) => {
    const frame = decodeUdpFrame(bytes)
    const socket = frame && associations.get(frame.flow)
    if (frame === undefined || socket === undefined || meter.paused) return
    void sendDatagram(socket, exit.policy, meter, frame.address, frame.payload)
  })

  function serveUdp(control: Duplex, flow: number): void {
    // One socket for both families: an IPv4 destination is written as a mapped address.
    const socket = createSocket({ type: 'udp6', ipv6Only: false })
    associations.get(flow)?.close()
    associations.set(flow, socket)
    socket.on('error', () => control.destroy())
    socket.on('message', (payload, from) => {
      if (meter.paused) return
      const address = { host: from.address.replace(/^::ffff:/, ''), port: from.port }
      if (carrier.sendDatagram(encodeUdpFrame({ flow, address, payload }))) meter.countReceived(payload.length)
    })
    socket.bind(0, exit.egressAddress === undefined ? undefined : mapped(exit.egressAddress))
    control.once('close', () => {
      if (associations.get(flow) === socket) associations.delete(flow)
      socket.close()
    })
    control.once('end', () => control.destroy())
    control.resume()
  }

  return {
    parameters: new Uint8Array(),
    stats: meter.stats,
    async pause() {
      meter.pause()
    },
    async resume() {
      meter.resume()
    },
    async close() {
      closed = true
      meter.resume()
      for (const stream of flows) stream.destroy()
      flows.clear()
    },
  }
}

async function serveTcp(
  stream: Duplex,
  wanted: Destination,
  { policy, egressAddress }: Exit,
  meter: Meter,
): Promise<void> {
  const resolved = await resolvePublic(policy, wanted)
  if (!resolved.ok) {
    const status = resolved.why === 'not-allowed' ? flowStatus.notAllowed : flowStatus.hostUnreachable
    return void stream.end(Uint8Array.of(status))
  }
  const socket = createConnection({
    host: resolved.address,
    port: wanted.port,
    allowHalfOpen: true,
    ...(egressAddress === undefined ? {} : { localAddress: egressAddress }),
  })
  socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('timeout')))
  stream.once('close', () => socket.destroy())
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  } catch (cause) {
    const refused = (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    return void stream.end(Uint8Array.of(refused ? flowStatus.refused : flowStatus.hostUnreachable))
  }
  socket.setTimeout(0)
  socket.setNoDelay(true)
  stream.write(Uint8Array.of(flowStatus.connected))
  await Promise.allSettled([
    pipeline(stream, meter.gate('sent'), socket),
    pipeline(socket, meter.gate('received'), stream),
  ])
  stream.destroy()
  socket.destroy()
}

async function sendDatagram(
  socket: UdpSocket,
  policy: ExitPolicy,
  meter: Meter,
  to: Destination,
  payload: Uint8Array,
): Promise<void> {
  const resolved = await resolvePublic(policy, to)
  if (!resolved.ok) return
  const host = mapped(resolved.address)
  try {
    socket.send(payload, to.port, host, (error) => {
      if (error === null) meter.countSent(payload.length)
    })
  } catch {
    // The association was closed while the name was looked up.
  }
}

/** How a socket of both families writes an IPv4 address. */
const mapped = (address: string): string => (isIPv6(address) ? address : `::ffff:${address}`)
