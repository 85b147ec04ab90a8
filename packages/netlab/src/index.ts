/**
 * netlab: hosts and NAT routers in network namespaces, for tests, benchmarks and the devnet's own network.
 *
 * It makes networks and runs commands in them. What runs there, and what is asserted about it, belongs to the tests.
 * It needs Linux and root, and reaches nothing outside: no namespace has an uplink.
 *
 * @example
 * const lab = await createLab({ name: 'example' })
 * const website = await lab.host('website', { address: '198.18.0.80' })
 * const home = await lab.router('home', { kind: 'cone', address: '203.0.113.7' })
 * const alice = await home.host('alice')
 * await alice.exec('ping', ['-c1', website.address])
 * await lab.close()
 *
 * @module
 */

export { type CommandOptions, type CommandResult, run } from './command.ts'
export {
  createLab,
  type Host,
  type HostOptions,
  type Lab,
  type LabOptions,
  type Router,
  type RouterOptions,
} from './lab.ts'
export { cleanupStale, type Namespace } from './namespace.ts'
export { canMakeNamespaces, type NamespaceVerdict } from './needs.ts'
export type { NatKind, RouterKind } from './router.ts'
