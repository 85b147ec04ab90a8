/**
 * The driver over an in-memory link: a real SOCKS5 client, real sockets, destinations on loopback that the policy names.
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createMemoryNetwork, type Link } from '@myst/link'
import { encodeMessage, proxyProtocol, tunnelProtocol } from '@myst/protocol'
import { type Carrier, type ConsumerTunnel, createExitPolicy, type Offer, type ProviderTunnel } from '@myst/vpn'
import { SocksClient } from 'socks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { flowHeaderSchema } from './destination.ts'
import { proxyConsumerDriver, proxyProviderDriver } from './index.ts'
import { decodeUdpFrame, encodeUdpFrame } from './udp-frame.ts'

const host = '127.0.0.1'
const page = Buffer.alloc(3_000_000, 'page')
let website: Server
let offer: Offer
let bob: ProviderTunnel
let alice: ConsumerTunnel
let links: Link[]

const carrierOf = (link: Link): Carrier => ({
  openStream: (header) => link.openStream(proxyProtocol, header),
  onStream: (handler) => link.onStream(proxyProtocol, handler),
  sendDatagram: (bytes) => link.sendDatagram(tunnelProtocol, bytes),
  onDatagram: (handler) => link.onDatagram(tunnelProtocol, handler),
  maxDatagramBytes: link.maxDatagramBytes,
})

beforeEach(async () => {
  website = createHttpServer((_request, response) => response.end(page))
  await new Promise<void>((resolve) => website.listen(0, host, resolve))
  const network = createMemoryNetwork()
  const [from, to] = [network.node(), network.node()]
  const accepted = new Promise<Link>((resolve) => to.onLink(resolve))
  await to.listen()
  const dialled = await from.connect(to.publicKey)
  links = [dialled, await accepted]
  offer = await proxyProviderDriver.offer({
    policy: createExitPolicy({ profile: { publicEndpoints: [`${host}:${port()}`] } }),
  })
  bob = await offer.accept({ sessionId: 'one', parameters: new Uint8Array(), carrier: carrierOf(links[1] as Link) })
  const prepared = await proxyConsumerDriver.prepare({})
  alice = await prepared.open(bob.parameters, carrierOf(dialled))
})

afterEach(async () => {
  await alice.close()
  await offer.close()
  for (const link of links) await link.close()
  website.closeAllConnections()
  website.close()
})

const port = () => (website.address() as AddressInfo).port
const proxy = () => ({ ...(alice.listening as { host: string; port: number }), type: 5 as const })

async function open(destination: { host: string; port: number }): Promise<Socket> {
  const { socket } = await SocksClient.createConnection({ proxy: proxy(), command: 'connect', destination })
  return socket
}

async function read(socket: Socket): Promise<number> {
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await once(socket, 'close')
  return bytes
}

test('carries a page, and both sides count the same bytes', async () => {
  const socket = await open({ host, port: port() })
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  expect(await read(socket)).toBeGreaterThan(page.length)
  const { sentBytes, receivedBytes } = await alice.stats()
  expect(await bob.stats()).toEqual({ sentBytes, receivedBytes })
  expect(receivedBytes).toBeGreaterThan(BigInt(page.length))
})

test('many flows at once stay apart', async () => {
  const pages = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = await open({ host, port: port() })
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      return read(socket)
    }),
  )
  expect(new Set(pages).size).toBe(1)
})

describe('a consumer reaches public destinations only', () => {
  test.each([
    ['loopback', { host: '127.0.0.1', port: 22 }],
    ['loopback by name', { host: 'localhost', port: 22 }],
    ['the website, on another port', { host, port: 1 }],
    ['a home network', { host: '192.168.1.1', port: 80 }],
    ['cloud metadata', { host: '169.254.169.254', port: 80 }],
    ['carrier-grade NAT', { host: '100.64.0.1', port: 80 }],
    ['IPv6 loopback', { host: '::1', port: 80 }],
    ['an IPv4-mapped address', { host: '::ffff:127.0.0.1', port: 80 }],
    ['any address', { host: '0.0.0.0', port: 80 }],
    ['multicast', { host: '224.0.0.1', port: 80 }],
  ])('refuses: %s', async (_name, destination) => {
    await expect(open(destination)).rejects.toThrow(/NotAllowed/)
  })
})

test('passes nothing while paused, and goes on where it stopped', async () => {
  const socket = await open({ host, port: port() })
  await bob.pause()
  socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  const reading = read(socket)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect((await bob.stats()).sentBytes).toBe(0n)
  await bob.resume()
  expect(await reading).toBeGreaterThan(page.length)
})

test('carries UDP both ways and counts it', async () => {
  const echo = createSocket('udp4', (bytes, from) => echo.send(bytes, from.port, from.address))
  await new Promise<void>((resolve) => echo.bind(0, host, resolve))
  const allowed = createExitPolicy({ profile: { publicEndpoints: [`${host}:${echo.address().port}`] } })
  await offer.close()
  offer = await proxyProviderDriver.offer({ policy: allowed })
  bob = await offer.accept({ sessionId: 'two', parameters: new Uint8Array(), carrier: carrierOf(links[1] as Link) })

  const association = new SocksClient({
    proxy: proxy(),
    command: 'associate',
    destination: { host: '0.0.0.0', port: 0 },
  })
  association.connect()
  const [{ remoteHost }] = (await once(association, 'established')) as [{ remoteHost: { host: string; port: number } }]
  const client = createSocket('udp4')
  const frame = SocksClient.createUDPFrame({
    remoteHost: { host, port: echo.address().port },
    data: Buffer.from('hello'),
  })
  client.send(frame, remoteHost.port, host)
  const [answer] = (await once(client, 'message')) as [Buffer]
  expect(SocksClient.parseUDPFrame(answer).data.toString()).toBe('hello')
  expect(await bob.stats()).toEqual({ sentBytes: 5n, receivedBytes: 5n })
  expect(await alice.stats()).toEqual({ sentBytes: 5n, receivedBytes: 5n })
  client.close()
  echo.close()
})

describe('a consumer that breaks the protocol', () => {
  const udpHeader = encodeMessage(flowHeaderSchema, { kind: 'udp', flow: 9 })
  const gone = async (stream: Duplex) => {
    stream.on('error', () => {}).resume()
    if (!stream.destroyed) await new Promise((resolve) => stream.once('close', resolve))
  }

  test('opens one UDP flow twice: the second is refused, and both may close', async () => {
    const carrier = carrierOf(links[0] as Link)
    const first = await carrier.openStream(udpHeader)
    first.on('error', () => {})
    await gone(await carrier.openStream(udpHeader))
    const closed = gone(first)
    first.destroy()
    await closed
    await new Promise((resolve) => setTimeout(resolve, 50))
    const third = await carrier.openStream(udpHeader)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(third.destroyed).toBe(false)
    third.destroy()
  })
})

test('opens no flow while paused', async () => {
  let connections = 0
  website.on('connection', () => connections++)
  await bob.pause()
  await expect(open({ host, port: port() })).rejects.toThrow()
  expect(connections).toBe(0)
})

test('passes on a datagram only of who was sent to', async () => {
  const [asked, stranger] = [createSocket('udp4'), createSocket('udp4')]
  for (const socket of [asked, stranger]) await new Promise<void>((resolve) => socket.bind(0, host, resolve))
  const flow = 3
  await offer.close()
  const { port: askedPort } = asked.address()
  offer = await proxyProviderDriver.offer({
    policy: createExitPolicy({ profile: { publicEndpoints: [`${host}:${askedPort}`] } }),
  })
  bob = await offer.accept({ sessionId: 'three', parameters: new Uint8Array(), carrier: carrierOf(links[1] as Link) })
  const carrier = carrierOf(links[0] as Link)
  const heard: string[] = []
  carrier.onDatagram((bytes) => heard.push(Buffer.from(decodeUdpFrame(bytes)?.payload ?? []).toString()))
  await carrier.openStream(encodeMessage(flowHeaderSchema, { kind: 'udp', flow }))
  await new Promise((resolve) => setTimeout(resolve, 50))
  carrier.sendDatagram(encodeUdpFrame({ flow, address: { host, port: askedPort }, payload: Buffer.from('hello') }))
  const [, from] = (await once(asked, 'message')) as [Buffer, { address: string; port: number }]
  stranger.send('unasked', from.port, from.address)
  await new Promise((resolve) => setTimeout(resolve, 50))
  asked.send('answer', from.port, from.address)
  await expect.poll(() => heard).toEqual(['answer'])
  asked.close()
  stranger.close()
})

test('associates on IPv6 loopback too', async () => {
  const prepared = await proxyConsumerDriver.prepare({ listen: { host: '::1', port: 0 } })
  const local = await prepared.open(bob.parameters, carrierOf(links[0] as Link))
  const association = new SocksClient({
    proxy: { ...(local.listening as { host: string; port: number }), type: 5 },
    command: 'associate',
    destination: { host: '0.0.0.0', port: 0 },
  })
  association.connect()
  const [{ remoteHost }] = (await once(association, 'established')) as [{ remoteHost: { host: string; port: number } }]
  expect(remoteHost.port).toBeGreaterThan(0)
  await local.close()
})

describe('the SOCKS5 port', () => {
  test.each([
    ['another protocol', 'GET / HTTP/1.1\r\n\r\n'],
    ['SOCKS4', '\x04\x01\x00\x50\x7f\x00\x00\x01\x00'],
    ['no acceptable method', '\x05\x01\x02'],
    ['an unknown command', '\x05\x01\x00\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50'],
    ['an unknown address type', '\x05\x01\x00\x05\x01\x00\x09\x7f\x00\x00\x01\x00\x50'],
    ['a name with blanks', '\x05\x01\x00\x05\x01\x00\x03\x03a b\x00\x50'],
  ])('ends: %s', async (_name, bytes) => {
    const { port: proxyPort } = proxy()
    const socket = connect(proxyPort, host)
    socket.on('error', () => {})
    socket.resume()
    socket.end(Buffer.from(bytes, 'latin1'))
    await once(socket, 'close')
  })

  test('a taken port is a fault that says so', async () => {
    const taken = createServer().listen(0, host)
    await once(taken, 'listening')
    const prepared = await proxyConsumerDriver.prepare({
      listen: { host, port: (taken.address() as AddressInfo).port },
    })
    await expect(prepared.open(new Uint8Array(), carrierOf(links[0] as Link))).rejects.toThrow('listen-failed')
    taken.close()
  })
})
