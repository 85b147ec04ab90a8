/**
 * api: how a node is spoken to. One route table serves the node's server, the typed client and the documentation.
 *
 * The server itself is an adapter in `node`; what the routes do is in its Node Core. The faces (`cli`, `dashboard`) know a
 * node through this door alone, so it also passes on the few words of `protocol` that they need.
 *
 * @example
 * const node = await openNode('/home/alice/.myst')
 * const { channel } = await node.topUp()
 * const connection = await node.connect({ serviceType: 'proxy', country: 'NL' })
 * for await (const status of node.events()) console.log(status.consumer.left)
 *
 * @module
 */

export { type Address, Fault, formatMyst, isAddress, parseMyst } from '@myst/protocol'
export * from './api-refusal.ts'
export * from './client.ts'
export * from './fault-advice.ts'
export * from './node-files.ts'
export { reasonWords } from './reason-words.ts'
export * from './route.ts'
export * from './routes.ts'
export * from './schemas.ts'
export { encodeEvent } from './server-sent-events.ts'
