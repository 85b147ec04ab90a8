/**
 * nat: what stands between a tunnel and the internet, and how to get through it.
 *
 * STUN for full nodes and for sockets that want to know their outer address; hole punching, coordinated over a channel
 * that the link provides. The tunnel itself, and what it does when no path is found, belongs to its driver and the node.
 *
 * @example
 * const result = await punch({ channel, mayDial: isPublicUnicast }, { secret, role: 'initiator', servers })
 * if (result.kind === 'direct') await tunnel.usePath(result)
 *
 * @module
 */

export type { Role } from './probe.ts'
export { type PunchDeps, type PunchFailure, type PunchOptions, type PunchResult, punch } from './punch.ts'
export type { PunchChannel } from './punch-message.ts'
export { askReflexive, type Mapping, type Reflexive } from './reflexive.ts'
export type { Endpoint } from './stun.ts'
export { createStunServer, type StunServer } from './stun-server.ts'
export { bindUdp, closeUdp } from './udp.ts'
