/**
 * Three ways to make two routers' mappings meet; which one fits depends on both.
 *
 * A side wins with the first ack: then a probe of its own has arrived and an answer has come back. It tells the other
 * side over the link, and goes on answering until it hears the same.
 *
 * @module
 */

import { randomInt } from 'node:crypto'
import type { Socket } from 'node:dgram'
import type { Probes } from './probe.ts'
import type { Mailbox } from './punch-message.ts'
import type { Endpoint } from './stun.ts'
import { bindUdp, sendUdp } from './udp.ts'

export interface PunchState {
  /** The one whose outer address the other side knows. */
  readonly socket: Socket
  /** All that must be closed at the end; tactics add theirs. */
  readonly sockets: Socket[]
  readonly peer: Endpoint
  readonly probes: Probes
  readonly mailbox: Mailbox
  readonly signal: AbortSignal
}

export interface Path {
  readonly socket: Socket
  readonly remote: Endpoint
}

/** Enough to leave a home network, and far too few to reach the other one. */
const openingTtl = 5
const usualTtl = 64
/** A probe that is lost costs so long; 45 bytes each come to 18 kbit/s. */
const probeIntervalMs = 20

/** Both ports are known: open, wait until both have opened, probe. */
export async function probeEachOther(state: PunchState): Promise<Path> {
  const { socket, peer, probes, mailbox } = state
  const won = listen(state, [socket])
  await openTowards(socket, peer, probes)
  await mailbox.send({ kind: 'opened' })
  await mailbox.next('opened')
  return settle(state, won, probeIntervalMs, () => void sendUdp(socket, probes.probe, peer))
}

/** 256 of 64,512 ports: the other side hits one of them after 252 probes in the mean. */
const spreadCount = 256

/** Our router takes another port for each destination: have many mapped, and wait until one is hit. */
export async function spreadSockets(state: PunchState): Promise<Path> {
  const { sockets, peer, probes, mailbox } = state
  // As many as the system lets us have: fewer only make the search longer.
  const bound = await Promise.allSettled(Array.from({ length: spreadCount }, () => bindUdp()))
  const spread = bound.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  sockets.push(...spread)
  const won = listen(state, spread)
  await Promise.all(spread.map((socket) => openTowards(socket, peer, probes)))
  await mailbox.send({ kind: 'opened' })
  await mailbox.next('opened')
  return settle(state, won)
}

const firstPort = 1_024
const portCount = 65_536 - firstPort
/** 2,000 probes of 45 bytes a second, 0.7 Mbit/s: half of all hit within 90 ms, and no router's table overflows. */
const sprayIntervalMs = 5
const sprayCount = 10

/** The other side's router takes any port: try all, in an order that nobody can prepare for, until one is open. */
export async function sprayPorts(state: PunchState): Promise<Path> {
  const { socket, peer, probes, mailbox } = state
  // Here the spraying side chooses among the paths that were hit, by the first ack; so it gives none for a bare probe.
  const won = listen(state, [socket], { ackProbes: false })
  await mailbox.send({ kind: 'opened' })
  await mailbox.next('opened')
  // An odd stride that 3 and 7 do not divide visits each of 64,512 = 2¹⁰ · 3² · 7 ports once.
  const stride = 42 * randomInt(portCount / 42) + 1
  let place = randomInt(portCount)
  return settle(state, won, sprayIntervalMs, () => {
    for (let index = 0; index < sprayCount; index++) {
      place = (place + stride) % portCount
      void sendUdp(socket, probes.probe, { host: peer.host, port: firstPort + place })
    }
  })
}

/** Answers probes, and resolves with the first path on which an ack came in. */
function listen(
  { peer, probes }: PunchState,
  sockets: readonly Socket[],
  { ackProbes = true }: { readonly ackProbes?: boolean } = {},
): Promise<Path> {
  const { promise, resolve } = Promise.withResolvers<Path>()
  for (const socket of sockets)
    socket.on('message', (bytes, from) => {
      // Only from the address that we were allowed to dial; the port may be another (symmetric).
      const kind = from.address === peer.host ? probes.read(bytes) : undefined
      const remote = { host: from.address, port: from.port }
      if (kind === 'ack') resolve({ socket, remote })
      else if (kind === 'probe' && ackProbes) void sendUdp(socket, probes.ack, remote)
    })
  return promise
}

async function openTowards(socket: Socket, peer: Endpoint, probes: Probes): Promise<void> {
  socket.setTTL(openingTtl)
  await sendUdp(socket, probes.probe, peer)
  socket.setTTL(usualTtl)
}

/**
 * Acts until the path is won, then acks on it until the other side has won too.
 *
 * @throws the signal's reason, or `PeerGaveUp`.
 */
async function settle(
  state: PunchState,
  won: Promise<Path>,
  everyMs = probeIntervalMs,
  act?: () => void,
): Promise<Path> {
  const { mailbox, probes, signal } = state
  const theirs = mailbox.next('won')
  // `theirs` rejects where the other side gives up, and at the deadline if it has not come by then.
  const path = await Promise.race([
    repeatUntil(won, everyMs, signal, act),
    theirs.then(() => repeatUntil(won, everyMs, signal)),
  ])
  await mailbox.send({ kind: 'won' })
  await repeatUntil(theirs, probeIntervalMs, signal, () => void sendUdp(path.socket, probes.ack, path.remote))
  return path
}

/** Acts at once and at intervals until the promise settles. @throws the signal's reason. */
async function repeatUntil<T>(settled: Promise<T>, everyMs: number, signal: AbortSignal, act = () => {}): Promise<T> {
  const over = Promise.withResolvers<never>()
  const fail = () => over.reject(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', fail, { once: true })
  act()
  const timer = setInterval(act, everyMs)
  try {
    return await Promise.race([settled, over.promise])
  } finally {
    clearInterval(timer)
    signal.removeEventListener('abort', fail)
  }
}
