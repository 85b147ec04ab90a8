/**
 * vpn-wireguard: the `wireguard` driver, over Debian's `wireguard-go`.
 *
 * It makes interfaces, firewall tables and routes, and removes them; moves a running tunnel between a link's datagrams
 * and a punched UDP port; counts bytes at the inner side. It needs Linux, CAP_NET_ADMIN, `wireguard-go`, `nft`, `ip` and
 * `conntrack`. The kill switch and DNS are not here, and it knows nothing of payment.
 *
 * Both sides count IP packets inside the tunnel: the consumer what its interface took and gave, the provider what it
 * forwarded. They differ by what was lost between them and by what the exit policy or a pause dropped.
 *
 * @example
 * const offer = await createWireguardProvider().offer({ policy: createExitPolicy() })
 * const prepared = await createWireguardConsumer().prepare({ keepOutside: [provider.host] })
 * const session = await offer.accept({ sessionId, parameters: prepared.parameters, carrier: bobsEnd })
 * const tunnel = await prepared.open(session.parameters, alicesEnd)
 * await session.usePath({ kind: 'direct', localPort: 40_001, remote: alice }) // the responder first
 * await tunnel.usePath({ kind: 'direct', localPort: 40_002, remote: bob })
 *
 * @module
 */

export { createWireguardConsumer, type WireguardConsumerOptions } from './consumer.ts'
export { removeLeftovers } from './leftovers.ts'
export { createWireguardProvider, type WireguardProviderOptions } from './provider.ts'
