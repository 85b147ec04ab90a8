/**
 * A socket's outer address, and whether the router maps it alike for every destination.
 *
 * Two servers on different hosts are asked from the socket itself. Equal answers: a cone (RFC 4787, endpoint-independent
 * mapping). Other ports: symmetric. An answer that is the socket's own address: no NAT.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '@myst/protocol'
import { decodeBindingResponse, type Endpoint, encodeBindingRequest, transactionIdBytes } from './stun.ts'
import { sendUdp } from './udp.ts'

export type Mapping = 'none' | 'cone' | 'symmetric'

export interface Reflexive extends Endpoint {
  /** `cone` also where one server only has answered. */
  readonly mapping: Mapping
}

/** RFC 8489 begins at 500 ms; a tunnel in the making has no such time. */
const askAgainAfterMs = [100, 200, 400]
/** After the last request; round trips of the farthest paths take 0.3 s. */
const giveUpAfterMs = 500

/** @throws Fault `reflexive-unreachable` where no server answers, or the signal's reason. */
export async function askReflexive(
  socket: Socket,
  servers: readonly Endpoint[],
  signal?: AbortSignal,
): Promise<Reflexive> {
  const answers = (await Promise.all(servers.map((server) => ask(socket, server, signal)))).filter(
    (answer) => answer !== undefined,
  )
  const [first] = answers
  if (first === undefined) throw new Fault('reflexive-unreachable', { servers: servers.length })
  const alike = answers.every(({ host, port }) => host === first.host && port === first.port)
  if (!alike) return { ...first, mapping: 'symmetric' }
  return { ...first, mapping: first.port === socket.address().port && isOwnAddress(first.host) ? 'none' : 'cone' }
}

async function ask(socket: Socket, server: Endpoint, signal?: AbortSignal): Promise<Endpoint | undefined> {
  const transactionId = randomBytes(transactionIdBytes)
  const request = encodeBindingRequest(transactionId)
  const stop = new AbortController()
  let answer: Endpoint | undefined
  const hear = (bytes: Buffer, from: { address: string; port: number }) => {
    if (from.address !== server.host || from.port !== server.port) return
    answer = decodeBindingResponse(bytes, transactionId)
    if (answer !== undefined) stop.abort()
  }
  socket.on('message', hear)
  try {
    for (const waitMs of [...askAgainAfterMs, giveUpAfterMs]) {
      await sendUdp(socket, request, server)
      const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
      await wait(waitMs, undefined, { signal: either }).catch(() => {})
      signal?.throwIfAborted()
      if (answer !== undefined) return answer
    }
    return undefined
  } finally {
    socket.off('message', hear)
  }
}

const isOwnAddress = (host: string): boolean =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === host))
