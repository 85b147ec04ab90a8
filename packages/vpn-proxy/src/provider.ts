/**
 * The provider's side: opens each consumer's flows to public destinations and counts them.
 *
 * @module
 */

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createConnection, isIP, isIPv6, SocketAddress } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decodeMessage } from '@myst/protocol'
import type { Carrier, ExitPolicy, Offer, ProviderDriver, ProviderTunnel } from '@myst/vpn'
import { type Destination, flowHeaderSchema, flowStatus } from './destination.ts'
import { createMeter, type Meter } from './meter.ts'
import { type Resolved, resolvePublic } from './resolve.ts'
import { decodeUdpFrame, encodeUdpFrame } from './udp-frame.ts'

/** Flows of one session: a browser opens dozens, a scraper hundreds. */
const maxFlows = 512
/** A host that is silent for so long is told to be unreachable; until then it takes one of the session's flows. */
const connectTimeoutMs = 10_000
/** Names looked up at once for one session; a browser keeps no more connections to one proxy. More fail, or are dropped. */
const maxLookups = 32
/** Of one UDP association: answers of those sent to longest ago are dropped. */
const maxSources = 1024

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

interface Association {
  readonly socket: UdpSocket
  /** Who was sent to, and may answer. */
  readonly sources: Set<string>
}

type Resolve = (wanted: Destination) => Promise<Resolved | { readonly ok: false; readonly why: 'busy' }>

function serveCarrier(carrier: Carrier, exit: Exit): ProviderTunnel {
  const meter = createMeter()
  const flows = new Set<Duplex>()
  const associations = new Map<number, Association>()
  let closed = false
  let lookups = 0

  /** What was resolved is not used where the session was paused or closed meanwhile. */
  const resolve: Resolve = async (wanted) => {
    const named = Number(isIP(wanted.host) === 0)
    if (named === 1 && lookups >= maxLookups) return { ok: false, why: 'busy' }
    lookups += named
    const resolved = await resolvePublic(exit.policy, wanted)
    lookups -= named
    return meter.paused || closed ? { ok: false, why: 'busy' } : resolved
  }

  carrier.onStream((stream, header) => {
    stream.on('error', () => {})
    const decoded = decodeMessage(flowHeaderSchema, header)
    if (closed || !decoded.ok || flows.size >= maxFlows) return void stream.destroy()
    flows.add(stream)
    stream.once('close', () => flows.delete(stream))
    const { kind, host, port, flow } = decoded.value
    if (meter.paused) return void (kind === 'tcp' ? stream.end(Uint8Array.of(flowStatus.failed)) : stream.destroy())
    if (kind === 'tcp' && host !== undefined && port !== undefined) {
      serveTcp(stream, { host, port }, exit, { meter, resolve }).catch(() => stream.destroy())
    } else if (kind === 'udp' && flow !== undefined) serveUdp(stream, flow)
    else stream.destroy()
  })

  carrier.onDatagram((bytes) => {
    const frame = decodeUdpFrame(bytes)
    const association = frame && associations.get(frame.flow)
    if (frame === undefined || association === undefined || meter.paused) return
    sendDatagram(association, frame.address, frame.payload, { meter, resolve }).catch(() => {}) // as lost as any other
  })

  function serveUdp(control: Duplex, flow: number): void {
    if (associations.has(flow)) return void control.destroy()
    // One socket for both families: an IPv4 destination is written as a mapped address.
    const socket = createSocket({ type: 'udp6', ipv6Only: false })
    const sources = new Set<string>()
    associations.set(flow, { socket, sources })
    socket.on('error', () => control.destroy())
    socket.on('message', (payload, from) => {
      if (meter.paused || !sources.has(`${from.address} ${from.port}`)) return
      const address = { host: from.address.replace(/^::ffff:/, ''), port: from.port }
      if (carrier.sendDatagram(encodeUdpFrame({ flow, address, payload }))) meter.countReceived(payload.length)
    })
    socket.bind(0, exit.egressAddress === undefined ? undefined : mapped(exit.egressAddress))
    control.once('close', () => {
      associations.delete(flow)
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
  { egressAddress }: Exit,
  { meter, resolve }: { readonly meter: Meter; readonly resolve: Resolve },
): Promise<void> {
  const resolved = await resolve(wanted)
  if (!resolved.ok) return void stream.end(Uint8Array.of(statusOf[resolved.why]))
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

const statusOf = {
  'not-allowed': flowStatus.notAllowed,
  'unknown-host': flowStatus.hostUnreachable,
  busy: flowStatus.failed,
} as const

async function sendDatagram(
  { socket, sources }: Association,
  to: Destination,
  payload: Uint8Array,
  { meter, resolve }: { readonly meter: Meter; readonly resolve: Resolve },
): Promise<void> {
  const resolved = await resolve(to)
  if (!resolved.ok) return
  const host = mapped(resolved.address)
  const source = sourceOf(host, to.port)
  sources.delete(source)
  sources.add(source)
  if (sources.size > maxSources) sources.delete(sources.values().next().value as string)
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

/** As the socket names a sender, however the consumer wrote the address. */
const sourceOf = (address: string, port: number): string =>
  `${new SocketAddress({ address, family: 'ipv6' }).address} ${port}`
