/**
 * A SOCKS5 server (RFC 1928) for local programs: CONNECT and UDP ASSOCIATE, no authentication.
 *
 * It parses; where the flows go is its owner's business.
 *
 * @module
 */

import { createServer, type Server, type Socket } from 'node:net'
import { Fault } from '@myst/protocol'
import type { Endpoint } from '@myst/vpn'
import type { Destination } from './destination.ts'
import { addressLength, decodeAddress, encodeAddress } from './socks-address.ts'

export interface SocksHandlers {
  connect(client: Socket, destination: Destination, reply: (status: number) => void): void
  associate(client: Socket, reply: (status: number, bound?: Destination) => void): void
}

const version = 5
const command = { connect: 1, associate: 3 } as const
const status = { failed: 1, commandUnsupported: 7, addressUnsupported: 8 } as const
const noAuthentication = 0
const noneAcceptable = 0xff
/** A client that doesn't get to its request within this is no SOCKS client. */
const handshakeTimeoutMs = 10_000
const nowhere: Destination = { host: '0.0.0.0', port: 0 }

/** @throws Fault `listen-failed` where the port is taken. */
export async function openSocksServer(
  listen: Endpoint,
  handlers: SocksHandlers,
): Promise<{ readonly endpoint: Endpoint; close(): Promise<void> }> {
  const clients = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client)
    client.once('close', () => clients.delete(client))
    client.on('error', () => client.destroy())
    serveClient(client, handlers).catch(() => client.destroy())
  })
  await listenOn(server, listen)
  const bound = server.address() as { address: string; port: number }
  return {
    endpoint: { host: bound.address, port: bound.port },
    async close() {
      const closing = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const client of clients) client.destroy()
      await closing
    },
  }
}

function listenOn(server: Server, { host, port }: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new Fault('listen-failed', { host, port }, { cause })))
    server.listen(port, host, resolve)
  })
}

async function serveClient(client: Socket, handlers: SocksHandlers): Promise<void> {
  client.setTimeout(handshakeTimeoutMs, () => client.destroy())
  const [greeting = 0, methodCount = 0] = await readExactly(client, 2)
  if (greeting !== version) return void client.destroy()
  const methods = await readExactly(client, methodCount)
  if (!methods.includes(noAuthentication)) return void client.end(Uint8Array.of(version, noneAcceptable))
  client.write(Uint8Array.of(version, noAuthentication))

  const [asked = 0, wanted = 0, , type = 0, first = 0] = await readExactly(client, 5)
  const length = addressLength(type, first)
  const reply = (code: number, bound = nowhere) => {
    client.write(Uint8Array.of(version, code, 0, ...encodeAddress(bound)))
  }
  if (asked !== version) return void client.destroy()
  const rest = length === undefined ? undefined : await readExactly(client, length - 2)
  const address = rest && decodeAddress(Uint8Array.of(type, first, ...rest))
  if (address === undefined) {
    reply(status.addressUnsupported)
    return void client.end()
  }
  client.setTimeout(0)
  client.setNoDelay(true)
  if (wanted === command.connect) handlers.connect(client, address.destination, reply)
  else if (wanted === command.associate) handlers.associate(client, reply)
  else {
    reply(status.commandUnsupported)
    client.end()
  }
}

/** Exactly `length` bytes; what follows stays in the socket. @throws where it ends before. */
async function readExactly(socket: Socket, length: number): Promise<Uint8Array> {
  if (length === 0) return new Uint8Array()
  for (;;) {
    const chunk = socket.read(length) as Buffer | null
    if (chunk !== null && chunk.length === length) return chunk
    if (chunk !== null || socket.readableEnded || socket.destroyed) throw new Fault('socks-cut-short')
    await new Promise<void>((resolve, reject) => {
      const ended = () => reject(new Fault('socks-cut-short'))
      socket.once('readable', () => {
        socket.off('end', ended).off('close', ended)
        resolve()
      })
      socket.once('end', ended).once('close', ended)
    })
  }
}
