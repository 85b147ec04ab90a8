/**
 * Discovery: who offers what, found through the network itself.
 *
 * Full nodes hold all live proposals, pass new ones on and compare notes; consumers and providers ask and tell a few of
 * them. What a proposal means and whether its signature holds is `protocol`'s; how nodes reach each other is `link`'s;
 * whether a provider is registered, staked or any good is for `chain` and reputation.
 *
 * ```ts
 * const full = createFullNode({ node, crypto }, { networkId: 'devnet' }) // before node.listen()
 * await node.listen()
 * await full.start()
 *
 * const discovery = createDiscoveryClient({ node: alicesNode, crypto }, { networkId: 'devnet', ephemeral: true })
 * const { proposals } = await discovery.list({ country: 'DE', serviceType: 'wireguard' })
 * ```
 *
 * @module
 */

export * from './client.ts'
export * from './clock.ts'
export {
  createFullNode,
  type FullNode,
  type FullNodeDeps,
  type FullNodeOptions,
  maxFollowers,
  maxNeighbours,
} from './full-node.ts'
export * from './proposal-keeper.ts'
