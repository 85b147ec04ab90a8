/**
 * Sessions without the node around them: for worlds that drive them in virtual time.
 *
 * @module
 */

export { type Connection, type ConnectionDeps, createConnection } from './consumer/connection.ts'
export { isExitPending } from './provider/pending-exit.ts'
export { createProvider, type Provider } from './provider/provider.ts'
export { createTransactorClient, type TransactorClient } from './transactor-client.ts'
