/**
 * UDP sockets whose end can be awaited.
 *
 * @module
 */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Endpoint } from './stun.ts'

export async function bindUdp({ host, port }: Endpoint = { host: '0.0.0.0', port: 0 }): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(port, host)
  await once(socket, 'listening')
  // A send that the system refuses is a lost packet, which every protocol here repeats.
  socket.on('error', () => {})
  return socket
}

/** Resolves when the port is free again. */
export function closeUdp(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()))
}

/** Resolves when the packet has left, so that the socket's TTL may be changed. Never rejects: UDP promises nothing. */
export function sendUdp(socket: Socket, bytes: Uint8Array, { host, port }: Endpoint): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.send(bytes, port, host, () => resolve())
    } catch {
      resolve() // closed meanwhile, or a port that is none
    }
  })
}
