/**
 * Reading, watching and writing the chain. What a figure means for a limit is the business of who asks.
 *
 * @example
 * const client = await connectChain({ rpcUrl: 'http://127.0.0.1:8545', chainId: 31337n })
 * const { head, deep } = await readChannel(client, { token, registry, identity, channel, depth: 12 })
 *
 * @module
 */

export * from './chain-client.ts'
export * from './channel-state.ts'
export * from './deployment/accountant.ts'
export * from './deployment/deploy.ts'
export * from './deployment/network-design.ts'
export * from './deployment/plan.ts'
export * from './deployment/terms.ts'
export * from './deployment/verify.ts'
export * from './deployment.ts'
export * from './endpoints.ts'
export * from './event-follower.ts'
export * from './nonce-state.ts'
export * from './outbox/outbox.ts'
export * from './outbox/sending.ts'
export * from './outbox/sending-key.ts'
export * from './outbox/sending-schema.ts'
export * from './provider-account.ts'
export * from './sender.ts'
export * from './simulate.ts'
export * from './test-token.ts'
export * from './transactor-call.ts'
