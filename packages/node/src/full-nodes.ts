/**
 * Full nodes: they keep the DHT, hold all proposals, and tell others what their address looks like from outside.
 *
 * One process may run several, on addresses of its own; a network's first ones make it, the others join.
 *
 * @module
 */

import { createFullNode, type FullNode } from '@myst/discovery'
import { createHyperdhtNode, type HyperdhtNode } from '@myst/link'
import { createStunServer, type StunServer } from '@myst/nat'
import { type Crypto, concatBytes } from '@myst/protocol'

export interface FullNodeAddress {
  readonly host: string
  readonly port: number
  /** Where it answers STUN; absent: not at all. */
  readonly stunPort?: number
}

export interface FullNodesOptions {
  readonly networkId: string
  /** At least three make a network: with fewer, nobody can tell what kind of NAT it is behind. */
  readonly addresses: readonly FullNodeAddress[]
  /** `host:port` of others that run already; empty for the first of a network. */
  readonly bootstrap: readonly string[]
  /** 32 bytes; each node's transport key derives from it. */
  readonly seed: Uint8Array
  /** Dial special-purpose addresses too: a lab. */
  readonly lab: boolean
  readonly crypto: Crypto
}

export async function startFullNodes(options: FullNodesOptions): Promise<{ close(): Promise<void> }> {
  const { addresses, networkId, crypto, lab } = options
  const bootstrap = [...options.bootstrap]
  const nodes: HyperdhtNode[] = []
  const stunServers: StunServer[] = []
  for (const [index, { host, port, stunPort }] of addresses.entries()) {
    const node = createHyperdhtNode({
      bootstrap,
      seed: crypto.keccak256(concatBytes(options.seed, Uint8Array.of(index))),
      bind: { host, port },
      persistent: true,
      ...(lab ? { mayDial: () => true } : {}),
    })
    await node.ready()
    bootstrap.push(`${host}:${port}`)
    nodes.push(node)
    if (stunPort !== undefined) stunServers.push(await createStunServer({ host, port: stunPort }))
  }
  const fullNodes: FullNode[] = []
  for (const node of nodes) {
    const fullNode = createFullNode({ node, crypto }, { networkId })
    await node.listen()
    await fullNode.start()
    fullNodes.push(fullNode)
  }
  return {
    async close() {
      await Promise.all(fullNodes.map((fullNode) => fullNode.close()))
      await Promise.all(stunServers.map((server) => server.close()))
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}
