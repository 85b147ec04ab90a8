/**
 * A carrier over a public host: what a link's datagrams are when no direct path exists.
 *
 * @module
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Carrier } from '@myst/vpn'

export async function joinRelay(host: string): Promise<Carrier & { close(): void; readonly sent: () => number }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
  socket.connect(4040, host)
  await once(socket, 'connect')
  const hello = setInterval(() => socket.send('?'), 20)
  socket.send('?')
  await once(socket, 'message')
  clearInterval(hello)
  let handler: (bytes: Uint8Array) => void = () => {}
  let sent = 0
  socket.on('message', (bytes) => bytes.length > 1 && handler(bytes))
  socket.on('error', () => {})
  return {
    openStream: () => Promise.reject(new Error('datagrams only')),
    onStream: () => {},
    sendDatagram(bytes) {
      sent++
      socket.send(bytes)
      return true
    },
    onDatagram(next) {
      handler = next
    },
    maxDatagramBytes: 1_400,
    sent: () => sent,
    close: () => socket.close(),
  }
}
