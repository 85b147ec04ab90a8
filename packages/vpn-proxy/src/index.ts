/**
 * The `proxy` driver: SOCKS5 at the consumer, carried over the link, out at the provider. TCP and UDP; no root.
 *
 * @example
 * const offer = await proxyProviderDriver.offer({ policy })
 * const prepared = await proxyConsumerDriver.prepare({ listen: { host: '127.0.0.1', port: 1080 } })
 *
 * @module
 */

export { proxyConsumerDriver } from './consumer.ts'
export { proxyProviderDriver } from './provider.ts'
