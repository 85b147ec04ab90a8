/**
 * A whole HyperDHT network on loopback, in one process: for tests and for trying things out.
 *
 * @module
 */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createHyperdhtNode, type HyperdhtNode, type HyperdhtOptions } from './hyperdht.ts'

/** Fewer than three cannot tell a node what kind of NAT it is behind. */
const fullNodeCount = 3
const host = '127.0.0.1'

export interface LoopbackNetwork {
  readonly bootstrap: readonly string[]
  readonly fullNodes: readonly HyperdhtNode[]
  /** A node like one behind a NAT. */
  node(options?: Partial<HyperdhtOptions>): HyperdhtNode
  fullNode(options?: Partial<HyperdhtOptions>): Promise<HyperdhtNode>
  close(): Promise<void>
}

export async function openLoopbackNetwork(): Promise<LoopbackNetwork> {
  const bootstrap: string[] = []
  const fullNodes: HyperdhtNode[] = []
  const mayDial = (endpoint: { readonly host: string }): boolean => endpoint.host === host

  async function fullNode(options: Partial<HyperdhtOptions> = {}): Promise<HyperdhtNode> {
    const port = await freePort()
    const node = createHyperdhtNode({ bootstrap, bind: { host, port }, persistent: true, mayDial, ...options })
    await node.ready()
    bootstrap.push(`${host}:${port}`)
    return node
  }

  for (let count = 0; count < fullNodeCount; count++) fullNodes.push(await fullNode())

  return {
    bootstrap,
    fullNodes,
    fullNode,
    node: (options = {}) => createHyperdhtNode({ bootstrap, bind: { host }, mayDial, ...options }),
    async close() {
      for (const node of fullNodes.toReversed()) await node.close()
    },
  }
}

/** A UDP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, host)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
