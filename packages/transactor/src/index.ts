/**
 * The transactor: sends transactions for people who own no gas, and takes its fee in MYST, in the same transaction.
 * It can refuse, and nothing else: what it carries is signed for the contracts, and the fee names its payee.
 *
 * @example
 * const network = { ...defaultNetworkOptions, profile, key, mystPerNative, storePath: 'transactor.db' }
 * const transactor = await startTransactor({ ...defaultTransactorOptions, networks: [network], log: console.log })
 *
 * @module
 */

export { defaultNetworkOptions, type NetworkOptions } from './network-service.ts'
export type { NetworkStatus } from './status.ts'
export * from './transactor.ts'
