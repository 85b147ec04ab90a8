/**
 * A STUN server, for full nodes. It keeps no state, and never sends more bytes than it got, so that nobody can aim
 * more at a third party through it than they send themselves.
 *
 * @module
 */

import { Fault } from '@myst/protocol'
import { decodeBindingRequest, type Endpoint, encodeBindingResponse } from './stun.ts'
import { bindUdp, closeUdp } from './udp.ts'

export interface StunServer {
  readonly endpoint: Endpoint
  close(): Promise<void>
}

/** @throws Fault `port-taken`. */
export async function createStunServer({ host, port }: Endpoint): Promise<StunServer> {
  const socket = await bindUdp({ host, port }).catch((cause) => {
    throw new Fault('port-taken', { host, port }, { cause })
  })
  socket.on('message', (bytes, from) => {
    const transactionId = decodeBindingRequest(bytes)
    if (transactionId === undefined) return
    const response = encodeBindingResponse(transactionId, { host: from.address, port: from.port })
    if (response.length <= bytes.length) socket.send(response, from.port, from.address)
  })
  return { endpoint: { host, port: socket.address().port }, close: () => closeUdp(socket) }
}
