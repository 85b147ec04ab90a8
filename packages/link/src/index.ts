/**
 * Links between nodes: authenticated, encrypted, multiplexed connections by key, wherever the two nodes are.
 *
 * A `LinkNode` finds peers by their transport key, punches through NAT or goes through a relay, and gives a `Link`:
 * requests, byte streams and datagrams under protocol names. Who stands behind a key (identities), what the messages
 * say (protocol codecs) and whether a peer deserves an answer (sessions, payments) is left to whoever uses the link.
 *
 * ```ts
 * const network = createMemoryNetwork() // or createHyperdhtNode({ bootstrap, seed })
 * const [alice, bob] = [network.node(), network.node()]
 * bob.onLink((link) => link.onRequest('/myst/greeting/1.0', (name) => Buffer.concat([Buffer.from('hello '), name])))
 * await bob.listen()
 *
 * const link = await alice.connect(bob.publicKey)
 * const answer = await link.request('/myst/greeting/1.0', Buffer.from('bob')) // "hello bob"
 * await link.close()
 * ```
 *
 * @module
 */

export { maxBodyBytes, maxFrameBytes, maxHeaderBytes, maxNameBytes } from './frame.ts'
export * from './hyperdht.ts'
export * from './link.ts'
export { type LoopbackNetwork, openLoopbackNetwork } from './loopback.ts'
export * from './memory.ts'
export {
  type DatagramPath,
  type LinkSettings,
  maxLinkBufferBytes,
  maxStreams,
  openLink,
  type Transport,
} from './mux.ts'
export * from './relay.ts'
export { maxOpenRequests, requestTimeoutMs } from './requests.ts'
export { systemTimers, type Timers } from './timers.ts'
