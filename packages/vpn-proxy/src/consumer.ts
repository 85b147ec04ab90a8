/**
 * The consumer's side: a SOCKS5 port for local programs; each flow becomes a stream, or datagrams, on the link.
 *
 * @module
 */

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { isIPv6, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encodeMessage } from '@myst/protocol'
import type { Carrier, ConsumerDriver, ConsumerTunnel, Endpoint } from '@myst/vpn'
import { type Destination, flowHeaderSchema, flowStatus } from './destination.ts'
import { createMeter, type Meter } from './meter.ts'
import { decodeAddress, encodeAddress } from './socks-address.ts'
import { openSocksServer } from './socks-server.ts'
import { decodeUdpFrame, encodeUdpFrame } from './udp-frame.ts'

/** Port 0: a free one, which the tunnel's description names. */
const anyPort: Endpoint = { host: '127.0.0.1', port: 0 }

export const proxyConsumerDriver: ConsumerDriver = {
  serviceType: 'proxy',
  async prepare({ listen = anyPort }) {
    return {
      parameters: new Uint8Array(),
      open: (_parameters, carrier) => openProxy(carrier, listen),
      async close() {},
    }
  },
}

async function openProxy(carrier: Carrier, listen: Endpoint): Promise<ConsumerTunnel> {
  const meter = createMeter()
  const associations = new Map<number, (source: Destination, payload: Uint8Array) => void>()
  const open = new Set<Duplex>()
  let nextFlow = 1

  carrier.onStream((stream) => stream.destroy()) // the exit has no reason to open any
  carrier.onDatagram((bytes) => {
    const frame = decodeUdpFrame(bytes)
    if (frame !== undefined) associations.get(frame.flow)?.(frame.address, frame.payload)
  })

  async function connect(client: Socket, { host, port }: Destination, reply: (status: number) => void): Promise<void> {
    const stream = await carrier.openStream(encodeMessage(flowHeaderSchema, { kind: 'tcp', host, port }))
    track(stream)
    if (client.destroyed) return void stream.destroy()
    stream.on('error', () => client.destroy())
    client.once('close', () => stream.destroy())
    const status = await firstByte(stream)
    reply(status)
    if (status !== flowStatus.connected) return void client.end()
    await Promise.allSettled([
      pipeline(client, meter.gate('sent'), stream),
      pipeline(stream, meter.gate('received'), client),
    ])
    client.destroy()
    stream.destroy()
  }

  async function associate(client: Socket, reply: (status: number, bound?: Destination) => void): Promise<void> {
    const flow = nextFlow++
    const control = await carrier.openStream(encodeMessage(flowHeaderSchema, { kind: 'udp', flow }))
    track(control)
    control.on('error', () => client.destroy())
    control.resume()
    const { host } = server.endpoint
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    try {
      await bind(socket, host)
    } catch {
      control.destroy()
      reply(flowStatus.failed)
      return void client.end()
    }
    const release = () => {
      associations.delete(flow)
      socket.close()
      control.destroy()
    }
    // It may have gone while the stream was opened; its 'close' is in the past then.
    if (client.destroyed) return release()
    associations.set(flow, relayDatagrams(socket, flow, carrier, meter))
    client.once('close', release)
    client.once('end', () => client.destroy())
    client.resume()
    reply(0, { host, port: socket.address().port })
  }

  function track(stream: Duplex): void {
    open.add(stream)
    stream.once('close', () => open.delete(stream))
  }

  const server = await openSocksServer(listen, {
    connect: (client, destination, reply) => {
      connect(client, destination, reply).catch(() => client.destroy())
    },
    associate: (client, reply) => {
      associate(client, reply).catch(() => client.destroy())
    },
  })
  const { host, port } = server.endpoint
  return {
    description: `socks5://${host}:${port}`,
    listening: server.endpoint,
    stats: meter.stats,
    async close() {
      await server.close()
      for (const stream of open) stream.destroy()
    },
  }
}

function bind(socket: UdpSocket, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(0, host, resolve)
  })
}

/** One local program's datagrams: RSV 2 ‖ FRAG 1 ‖ address ‖ payload (RFC 1928 §7). Fragments are not supported. */
function relayDatagrams(
  socket: UdpSocket,
  flow: number,
  carrier: Carrier,
  meter: Meter,
): (source: Destination, payload: Uint8Array) => void {
  let client: { address: string; port: number } | undefined
  socket.on('error', () => {})
  socket.on('message', (bytes, from) => {
    // The first sender owns the association; another program on this machine gets nothing from it.
    client ??= from
    const decoded = bytes[2] === 0 && from.port === client.port ? decodeAddress(bytes.subarray(3)) : undefined
    if (decoded === undefined) return
    const { destination: address, rest: payload } = decoded
    if (carrier.sendDatagram(encodeUdpFrame({ flow, address, payload }))) meter.countSent(payload.length)
  })
  return (source, payload) => {
    if (client === undefined) return
    meter.countReceived(payload.length)
    socket.send([Uint8Array.of(0, 0, 0), encodeAddress(source), payload], client.port, client.address)
  }
}

/** The exit's verdict; what follows it stays in the stream. */
async function firstByte(stream: Duplex): Promise<number> {
  for (;;) {
    const chunk = stream.read(1) as Uint8Array | null
    if (chunk !== null) return chunk[0] as number
    if (stream.destroyed || stream.readableEnded) return flowStatus.failed
    await new Promise<void>((resolve) => {
      const wake = () => {
        stream.off('readable', wake).off('end', wake).off('close', wake)
        resolve()
      }
      stream.on('readable', wake).on('end', wake).on('close', wake)
    })
  }
}
