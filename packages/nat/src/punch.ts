/**
 * Hole punching for a tunnel's own UDP port: two sides behind routers find a pair of ports that reach each other.
 *
 * Both learn their outer address, exchange it over their link, open their routers towards each other with packets that
 * die on the way, and only then probe. (A packet that reaches a router which records unsolicited input would block the
 * very port that the punch is about.) Measured: 3–10 ms between cones, 0.05–0.6 s between a cone and a symmetric router.
 * Every socket is closed at the end; the winning port is for the tunnel driver to bind.
 *
 * @module
 */

import type { Socket } from 'node:dgram'
import { Fault } from '@myst/protocol'
import { createProbes, type Probes, type Role } from './probe.ts'
import { type Mailbox, openMailbox, PeerGaveUp, type PunchChannel } from './punch-message.ts'
import { askReflexive, type Mapping } from './reflexive.ts'
import type { Endpoint } from './stun.ts'
import { type Path, probeEachOther, sprayPorts, spreadSockets } from './tactics.ts'
import { bindUdp, closeUdp } from './udp.ts'

export interface PunchDeps {
  readonly channel: PunchChannel
  /** Whether packets may be sent to an address that the other side names: public unicast, or what the user allows. */
  mayDial(host: string, port: number): boolean
}

export interface PunchOptions {
  /** Known to the two sides alone, 16 bytes or more. */
  readonly secret: Uint8Array
  /** The consumer initiates. */
  readonly role: Role
  /** STUN servers, on two different hosts. */
  readonly servers: readonly Endpoint[]
  /** Default 3 s. The tunnel runs on its carrier meanwhile. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export type PunchResult =
  /** As a tunnel driver's `usePath` takes it. */
  | { readonly kind: 'direct'; readonly localPort: number; readonly remote: Endpoint }
  | { readonly kind: 'gave-up'; readonly reason: PunchFailure }

export type PunchFailure =
  | 'no-reflexive-address'
  | 'address-refused'
  | 'both-symmetric'
  | 'no-path-found'
  | 'peer-gave-up'
  | 'aborted'

/** The longest that was measured is 0.6 s; after this the tunnel stays on its carrier. */
const punchTimeoutMs = 3_000
/** 128 bits: who can guess the secret can make probes. */
const minSecretBytes = 16

export async function punch({ channel, mayDial }: PunchDeps, options: PunchOptions): Promise<PunchResult> {
  if (options.secret.length < minSecretBytes) throw new Fault('secret-too-short', { minSecretBytes })
  const over = new AbortController()
  const deadline = AbortSignal.timeout(options.timeoutMs ?? punchTimeoutMs)
  const signal = AbortSignal.any([over.signal, deadline, ...(options.signal ? [options.signal] : [])])
  const mailbox = openMailbox(channel, signal)
  const sockets: Socket[] = []
  const giveUp = (reason: PunchFailure): PunchResult => ({ kind: 'gave-up', reason })
  let result: PunchResult
  try {
    result = await find(mailbox, createProbes(options.secret, options.role), sockets)
  } catch (error) {
    if (options.signal?.aborted) result = giveUp('aborted')
    else if (deadline.aborted) result = giveUp('no-path-found')
    else if (error instanceof PeerGaveUp) result = giveUp('peer-gave-up')
    else if (error instanceof Fault && error.code === 'reflexive-unreachable') result = giveUp('no-reflexive-address')
    else throw error
  } finally {
    over.abort(new Error('over'))
    await Promise.all(sockets.map(closeUdp))
  }
  if (result.kind === 'gave-up') await Promise.resolve(mailbox.send(result)).catch(() => {}) // the link may be gone
  return result

  async function find(mailbox: Mailbox, probes: Probes, sockets: Socket[]): Promise<PunchResult> {
    const socket = await bindUdp()
    sockets.push(socket)
    const { host, port, mapping } = await askReflexive(socket, options.servers, signal)
    await mailbox.send({ kind: 'offer', host, port, mapping })
    const peer = await mailbox.next('offer')
    if (!mayDial(peer.host, peer.port)) return giveUp('address-refused')
    if (mapping === 'symmetric' && peer.mapping === 'symmetric') return giveUp('both-symmetric')

    const tactic = chooseTactic(mapping, peer.mapping)
    const path = await tactic({ socket, sockets, peer, probes, mailbox, signal })
    return { kind: 'direct', localPort: path.socket.address().port, remote: path.remote }
  }
}

type Tactic = typeof probeEachOther

/** A side without NAT answers whoever reaches it, so one symmetric router is no obstacle then. */
function chooseTactic(own: Mapping, peer: Mapping): Tactic {
  if (own === 'symmetric' && peer === 'cone') return spreadSockets
  if (own === 'cone' && peer === 'symmetric') return sprayPorts
  return probeEachOther
}

export type { Path }
